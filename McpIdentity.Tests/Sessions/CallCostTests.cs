using System.Data.Common;
using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace McpIdentity.Tests.Sessions;

/// <summary>A call with a token that the server knows asks the database nothing: docs/decisions/0002, docs/decisions/0004. The clock stands still, so that nothing else asks either.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class CallCostTests
{
    private const int Calls = 50;

    // Which writes the first call of a minute down, beside the requests.
    private const string WithoutAudit = "Audit:Enabled=false";

    [Test]
    public async Task Calls_cost_no_query()
    {
        var commands = new CommandCounter();
        await using var server = await TestServer.StartAsync(builder =>
        {
            builder.Services.ConfigureDbContext<SqliteMcpIdentityDbContext>(db => db.AddInterceptors(commands));
            var prepared = builder.Services.Last(service => service.ServiceType == typeof(PreparedSql)).ImplementationFactory!;
            builder.Services.AddSingleton<PreparedSql>(services => new CountedSql((PreparedSql)prepared(services), commands));
        }, WithoutAudit);
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        Assert.That(commands.OfEntityFramework, Is.Positive, "the registration is counted");
        var token = (await client.ConnectAsync(alice)).Text("access_token")!;
        Assert.That(commands.Prepared, Is.Positive, "the grant is counted");
        await CallAsync(server, token);
        commands.Reset();

        for (var call = 0; call < Calls; call++)
        {
            await CallAsync(server, token);
        }

        Assert.That(commands.OfEntityFramework, Is.Zero);
        Assert.That(commands.Prepared, Is.Zero);
    }

    [Test]
    [Category("Postgres"), Category("Redis")]
    public async Task Calls_send_nothing_to_postgresql()
    {
        var database = new NpgsqlConnectionStringBuilder(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync());
        await using var proxy = new FaultyProxy(database.Port);
        database.Port = proxy.Port;
        // Revocations are signalled over Redis: a connection that listens to PostgreSQL says every half minute that it is there.
        await using var server = await TestServer.StartAsync(
            WithoutAudit,
            "Database:Provider=Postgres",
            $"Database:ConnectionString={database.ConnectionString}",
            "OAuth:SessionStorage:Redis:Host=127.0.0.1",
            $"OAuth:SessionStorage:Redis:Port={(await RedisServer.SharedAsync()).Port}",
            $"OAuth:SessionStorage:Redis:KeyPrefix={database.Database}:");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var before = proxy.Sent;
        var token = (await client.ConnectAsync(alice)).Text("access_token")!;
        Assert.That(proxy.Sent, Is.GreaterThan(before), "what is sent is counted");
        await CallAsync(server, token);
        before = proxy.Sent;

        for (var call = 0; call < Calls; call++)
        {
            await CallAsync(server, token);
        }

        Assert.That(proxy.Sent, Is.EqualTo(before));
    }

    private static async Task CallAsync(TestServer server, string token) =>
        Assert.That((await server.Http.CallToolAsync(token)).Status, Is.EqualTo(HttpStatusCode.OK));

    /// <summary>Counts what the database is told, whichever way.</summary>
    private sealed class CommandCounter : DbCommandInterceptor
    {
        private int _ofEntityFramework;
        private int _prepared;

        public int OfEntityFramework => Volatile.Read(ref _ofEntityFramework);

        public int Prepared => Volatile.Read(ref _prepared);

        public void Reset() => _ofEntityFramework = _prepared = 0;

        public void CountPrepared() => Interlocked.Increment(ref _prepared);

        // Every command is made once, before it is executed in one of six ways.
        public override DbCommand CommandInitialized(CommandEndEventData eventData, DbCommand result)
        {
            Interlocked.Increment(ref _ofEntityFramework);
            return base.CommandInitialized(eventData, result);
        }
    }

    private sealed class CountedSql(PreparedSql inner, CommandCounter counter) : PreparedSql, IDisposable
    {
        public override ValueTask<T?> ReadAsync<T>(string sql, object[] values, Func<DbDataReader, T> read, CancellationToken cancellationToken)
            where T : class
        {
            counter.CountPrepared();
            return inner.ReadAsync(sql, values, read, cancellationToken);
        }

        public override Task<int> WriteAsync(string sql, params object[] values)
        {
            counter.CountPrepared();
            return inner.WriteAsync(sql, values);
        }

        public override Task<bool> WriteTogetherAsync(params (string Sql, object[] Values)[] statements)
        {
            counter.CountPrepared();
            return inner.WriteTogetherAsync(statements);
        }

        public override bool IsPostgres => inner.IsPostgres;

        public override DateTimeOffset Moment(DbDataReader row, int column) => inner.Moment(row, column);

        public void Dispose() => (inner as IDisposable)?.Dispose();
    }
}
