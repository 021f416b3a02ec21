using McpIdentity.Migrations;
using McpIdentity.Server.Persistence;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Migrations;

namespace McpIdentity.Tests.Persistence;

/// <summary>Entities, migrations, compiled models and the tables of an empty database say the same: <c>scripts/migration.sh</c> writes the last two.</summary>
[Category("Storage")]
[Parallelizable(ParallelScope.All)]
internal sealed class SchemaTests
{
    private const string Cure = "run scripts/migration.sh";

    private static readonly Dictionary<string, Func<McpIdentityDbContext>> Contexts = new()
    {
        ["Sqlite"] = () => Sqlite("Data Source=:memory:"),
        ["Postgres"] = () => new PostgresMcpIdentityDbContext(new DbContextOptionsBuilder<PostgresMcpIdentityDbContext>().UseNpgsql("Host=localhost").Options),
    };

    [TestCase("Sqlite")]
    [TestCase("Postgres")]
    public void No_model_is_without_a_migration(string provider)
    {
        using var db = Contexts[provider]();

        Assert.That(db.Database.HasPendingModelChanges(), Is.False);
    }

    [TestCase("Sqlite")]
    [TestCase("Postgres")]
    public void The_compiled_model_is_that_of_the_entities(string provider)
    {
        using var db = Contexts[provider]();
        var entities = db.GetService<IModelRuntimeInitializer>().Initialize(
            db.GetService<IModelSource>().GetModel(db, db.GetService<ModelCreationDependencies>(), designTime: false), designTime: false);

        Assert.That(db.Model.GetType().Name, Is.EqualTo($"{provider}McpIdentityDbContextModel"), "the compiled one is used");
        Assert.That(Describe(db.Model), Is.EqualTo(Describe(entities)), Cure);
        Assert.That(
            db.Model.GetRelationalModel().ToDebugString(MetadataDebugStringOptions.LongDefault),
            Is.EqualTo(entities.GetRelationalModel().ToDebugString(MetadataDebugStringOptions.LongDefault)), Cure);
    }

    [TestCase("Sqlite")]
    [TestCase("Postgres")]
    public void The_tables_of_an_empty_database_are_the_steps_of_all_migrations(string provider)
    {
        using var db = Contexts[provider]();

        var steps = db.GetService<IMigrator>().GenerateScript(options: MigrationsSqlGenerationOptions.NoTransactions);

        Assert.That(StoredSchema.TablesScript(isPostgres: provider == "Postgres").Trim(), Is.EqualTo(steps.Trim()), Cure);
        Assert.That(StoredSchema.KnownMigrations(isPostgres: provider == "Postgres"), Is.EqualTo(db.Database.GetMigrations()).And.Not.Empty);
    }

    [Test]
    public async Task In_one_transaction_those_steps_leave_what_the_migrations_leave()
    {
        await using var made = Sqlite("Data Source=:memory:");
        await made.Database.OpenConnectionAsync();
        await made.Database.GetDbConnection().CreateTablesAsync(isPostgres: false, CancellationToken.None);
        await using var migrated = Sqlite("Data Source=:memory:");
        await migrated.Database.OpenConnectionAsync();
        await migrated.Database.MigrateAsync();

        Assert.That(TablesOf(made), Is.EqualTo(TablesOf(migrated)));
        Assert.That(await made.Database.GetDbConnection().AppliedMigrationsAsync(isPostgres: false, CancellationToken.None), Is.EqualTo(await migrated.Database.GetAppliedMigrationsAsync()).And.Not.Empty);
    }

    // Not the model's own text: types that a raw query reads into are added to it while other tests run.
    private static IEnumerable<string> Describe(IModel model) => model.GetEntityTypes().Select(type => type.ToDebugString(MetadataDebugStringOptions.LongDefault)).Order(StringComparer.Ordinal);

    private static SqliteMcpIdentityDbContext Sqlite(string connectionString) =>
        new(new DbContextOptionsBuilder<SqliteMcpIdentityDbContext>().UseSqlite(connectionString).Options);

    // The lock of EF Core's own migrator is nobody's when it has ended.
    private static List<string> TablesOf(McpIdentityDbContext db)
    {
        using var command = ((SqliteConnection)db.Database.GetDbConnection()).CreateCommand();
        command.CommandText = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE '%__EFMigrationsLock%' ORDER BY type, name";
        using var rows = command.ExecuteReader();
        var tables = new List<string>();
        while (rows.Read())
        {
            tables.Add(rows.GetString(0));
        }

        return tables;
    }
}
