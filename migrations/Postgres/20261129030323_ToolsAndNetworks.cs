using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace McpIdentity.Migrations.Postgres
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
                type: "character varying(64)",
                maxLength: 64,
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "Tools",
                table: "RememberedConsents",
                type: "text",
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
