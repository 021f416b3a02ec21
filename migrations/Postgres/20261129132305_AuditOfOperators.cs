using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace McpIdentity.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class AuditOfOperators : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            // Acts of before there were chains, under a name that no server has; audit verify counts them as unchained.
            migrationBuilder.Sql("""
                INSERT INTO "AuditEntries" ("Node", "Sequence", "At", "Event", "Level", "Result", "Actor", "Line", "Hash")
                SELECT 'earlier', "Id", "At", "Event", 'info', 'success', "Actor", "Line", ''::bytea FROM "OperatorActs" ORDER BY "Id";
                """);

            migrationBuilder.DropTable(
                name: "OperatorActs");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "OperatorActs",
                columns: table => new
                {
                    Id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    Actor = table.Column<string>(type: "character varying(400)", maxLength: 400, nullable: false),
                    At = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    Event = table.Column<string>(type: "character varying(50)", maxLength: 50, nullable: false),
                    Line = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_OperatorActs", x => x.Id);
                });

            migrationBuilder.CreateIndex(
                name: "IX_OperatorActs_At",
                table: "OperatorActs",
                column: "At");

            // What Up took over goes back, so that it can be done again.
            migrationBuilder.Sql("""
                INSERT INTO "OperatorActs" ("Actor", "At", "Event", "Line")
                SELECT "Actor", "At", "Event", "Line" FROM "AuditEntries" WHERE "Node" = 'earlier' AND "Sequence" > 0 AND "Actor" IS NOT NULL ORDER BY "Sequence";
                DELETE FROM "AuditEntries" WHERE "Node" = 'earlier' AND "Sequence" > 0;
                """);
        }
    }
}
