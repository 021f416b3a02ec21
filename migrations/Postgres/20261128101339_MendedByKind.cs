using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace McpIdentity.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class MendedByKind : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropPrimaryKey(
                name: "PK_Consents",
                table: "Consents");

            migrationBuilder.RenameTable(
                name: "Consents",
                newName: "RememberedConsents");

            migrationBuilder.AddColumn<string>(
                name: "Id",
                table: "RememberedConsents",
                type: "character varying(64)",
                maxLength: 64,
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<string>(
                name: "RedirectUri",
                table: "RememberedConsents",
                type: "character varying(2048)",
                maxLength: 2048,
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddPrimaryKey(
                name: "PK_RememberedConsents",
                table: "RememberedConsents",
                column: "Id");

            migrationBuilder.CreateTable(
                name: "Nodes",
                columns: table => new
                {
                    Id = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    Keys = table.Column<string>(type: "character varying(400)", maxLength: 400, nullable: false),
                    SeenAt = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Nodes", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "OperatorActs",
                columns: table => new
                {
                    Id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    At = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    Actor = table.Column<string>(type: "character varying(400)", maxLength: 400, nullable: false),
                    Event = table.Column<string>(type: "character varying(50)", maxLength: 50, nullable: false),
                    Line = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_OperatorActs", x => x.Id);
                });

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
                name: "IX_RememberedConsents_ClientId",
                table: "RememberedConsents",
                column: "ClientId");

            migrationBuilder.CreateIndex(
                name: "IX_RememberedConsents_UserId",
                table: "RememberedConsents",
                column: "UserId");

            migrationBuilder.CreateIndex(
                name: "IX_OperatorActs_At",
                table: "OperatorActs",
                column: "At");

            migrationBuilder.CreateIndex(
                name: "IX_UpstreamStates_ExpiresAt",
                table: "UpstreamStates",
                column: "ExpiresAt");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "Nodes");

            migrationBuilder.DropTable(
                name: "OperatorActs");

            migrationBuilder.DropTable(
                name: "UpstreamStates");

            migrationBuilder.DropPrimaryKey(
                name: "PK_RememberedConsents",
                table: "RememberedConsents");

            migrationBuilder.DropIndex(
                name: "IX_RememberedConsents_ClientId",
                table: "RememberedConsents");

            migrationBuilder.DropIndex(
                name: "IX_RememberedConsents_UserId",
                table: "RememberedConsents");

            migrationBuilder.DropColumn(
                name: "Id",
                table: "RememberedConsents");

            migrationBuilder.DropColumn(
                name: "RedirectUri",
                table: "RememberedConsents");

            migrationBuilder.RenameTable(
                name: "RememberedConsents",
                newName: "Consents");

            migrationBuilder.AddPrimaryKey(
                name: "PK_Consents",
                table: "Consents",
                columns: new[] { "UserId", "ClientId", "Resource" });
        }
    }
}
