using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace McpIdentity.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class NarrowAuditIndex : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_AuditEntries_ClientId_Event_At",
                table: "AuditEntries");

            migrationBuilder.CreateIndex(
                name: "IX_AuditEntries_ClientId_Event_At",
                table: "AuditEntries",
                columns: new[] { "ClientId", "Event", "At" },
                filter: "\"ClientId\" IS NOT NULL AND \"Event\" IN ('client_registered', 'token_refused', 'client_authentication_failed', 'client_disabled', 'client_deleted', 'client_enabled', 'app_disconnected', 'grant_revoked', 'session_ended', 'sessions_ended', 'account_disconnected', 'account_connected', 'user_disabled', 'user_removed', 'user_enabled')");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_AuditEntries_ClientId_Event_At",
                table: "AuditEntries");

            migrationBuilder.CreateIndex(
                name: "IX_AuditEntries_ClientId_Event_At",
                table: "AuditEntries",
                columns: new[] { "ClientId", "Event", "At" },
                filter: "\"ClientId\" IS NOT NULL");
        }
    }
}
