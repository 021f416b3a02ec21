using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace McpIdentity.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class ToolsAndNetworks : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "Network",
                table: "SignInSessions",
                type: "TEXT",
                maxLength: 64,
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "Tools",
                table: "RememberedConsents",
                type: "TEXT",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "Network",
                table: "SignInSessions");

            migrationBuilder.DropColumn(
                name: "Tools",
                table: "RememberedConsents");
        }
    }
}
