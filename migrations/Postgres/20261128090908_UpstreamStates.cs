using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace McpIdentity.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class UpstreamStates : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "UpstreamStates",
                columns: table => new
                {
                    Id = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    State = table.Column<string>(type: "text", nullable: false),
                    Request = table.Column<string>(type: "text", nullable: false),
                    ExpiresAt = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_UpstreamStates", x => x.Id);
                });

            migrationBuilder.CreateIndex(
                name: "IX_UpstreamStates_ExpiresAt",
                table: "UpstreamStates",
                column: "ExpiresAt");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "UpstreamStates");
        }
    }
}
