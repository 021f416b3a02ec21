using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace McpIdentity.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class AuditIndexes : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateIndex(
                name: "IX_AuditEntries_Acts",
                table: "AuditEntries",
                column: "Id",
                filter: "\"Actor\" IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "IX_AuditEntries_Address_Id",
                table: "AuditEntries",
                columns: new[] { "Address", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_AuditEntries_ClientId_Event_At",
                table: "AuditEntries",
                columns: new[] { "ClientId", "Event", "At" });

            migrationBuilder.CreateIndex(
                name: "IX_AuditEntries_Event_Id",
                table: "AuditEntries",
                columns: new[] { "Event", "Id" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_AuditEntries_Acts",
                table: "AuditEntries");

            migrationBuilder.DropIndex(
                name: "IX_AuditEntries_Address_Id",
                table: "AuditEntries");

            migrationBuilder.DropIndex(
                name: "IX_AuditEntries_ClientId_Event_At",
                table: "AuditEntries");

            migrationBuilder.DropIndex(
                name: "IX_AuditEntries_Event_Id",
                table: "AuditEntries");
        }
    }
}
