using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace McpIdentity.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class GrantsByDay : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_Grants_ExpiresAt",
                table: "Grants");

            migrationBuilder.AddColumn<long>(
                name: "ExpiresOn",
                table: "Grants",
                type: "INTEGER",
                nullable: false,
                defaultValue: 621355968000000000L);

            // The ticks of a day, from midnight: pruning, behind which writes wait, would else look at every grant of before, each time.
            migrationBuilder.Sql("""UPDATE "Grants" SET "ExpiresOn" = "ExpiresAt" - "ExpiresAt" % 864000000000;""");

            migrationBuilder.CreateIndex(
                name: "IX_Grants_ExpiresOn",
                table: "Grants",
                column: "ExpiresOn");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_Grants_ExpiresOn",
                table: "Grants");

            migrationBuilder.DropColumn(
                name: "ExpiresOn",
                table: "Grants");

            migrationBuilder.CreateIndex(
                name: "IX_Grants_ExpiresAt",
                table: "Grants",
                column: "ExpiresAt");
        }
    }
}
