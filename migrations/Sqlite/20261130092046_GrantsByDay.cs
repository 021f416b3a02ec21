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
