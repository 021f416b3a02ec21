using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace McpIdentity.Migrations.Sqlite
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
                SELECT 'earlier', "Id", "At", "Event", 'info', 'success', "Actor", "Line", X'' FROM "OperatorActs" ORDER BY "Id";
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
                    Id = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    Actor = table.Column<string>(type: "TEXT", maxLength: 400, nullable: false),
                    At = table.Column<long>(type: "INTEGER", nullable: false),
                    Event = table.Column<string>(type: "TEXT", maxLength: 50, nullable: false),
                    Line = table.Column<string>(type: "TEXT", nullable: false)
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
