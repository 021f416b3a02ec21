using System.Data.Common;
using McpIdentity.Migrations;
using McpIdentity.Server.Persistence;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using StackExchange.Redis;

namespace McpIdentity.Server.Revocation;

/// <summary>
/// Tells other nodes that there is a revocation to read: over Redis where it is configured, else over PostgreSQL. A signal
/// says nothing more of it, so that a forged one costs a query, and a lost one half a second: <see cref="RevocationFeed"/> polls anyway.
/// </summary>
internal sealed partial class RevocationSignals(RedisConnection redis, ILogger<RevocationSignals> logger, PostgresConnections? postgres = null)
{
    private const string Channel = "mcpidentity_revocations";

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);

    /// <summary>Raised for each signal, with what it says: whatever else the nodes tell each other goes the same way.</summary>
    public event Action<string>? Heard;

    /// <summary>After the revocation was committed, or whatever else <paramref name="word"/> says is new.</summary>
    public async Task SendAsync(McpIdentityDbContext db, string word = "")
    {
        try
        {
            if (redis.IsConfigured)
            {
                await redis.RunAsync(database => database.PublishAsync(redis.Channel(Channel), word, CommandFlags.FireAndForget));
            }
            else if (db.Database.IsNpgsql())
            {
                await db.Database.ExecuteSqlAsync($"SELECT pg_notify({Channel}, {word})");
            }
        }
        catch (Exception exception) when (exception is DbException || StorageFaults.IsOne(exception))
        {
            CannotSend(exception);
        }
    }

    /// <summary>Calls <paramref name="wake"/> for each signal, until the server stops. Comes back by itself when the connection was lost.</summary>
    public async Task ListenAsync(Action wake, CancellationToken stoppingToken)
    {
        void Hear(string? word)
        {
            wake();
            Heard?.Invoke(word ?? "");
        }

        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (redis.IsConfigured)
                {
                    await redis.ListenAsync(Channel, Hear);
                    return;
                }

                // Behind a pooler a connection of a moment ago is another's by now: LISTEN would hear nothing.
                if (postgres is null || postgres.IsPooled)
                {
                    return;
                }

                await ListenAsync(postgres.OwnConnectionString, Hear, stoppingToken);
            }
            catch (Exception exception) when (exception is DbException || StorageFaults.IsOne(exception))
            {
                CannotListen(exception);
                await Task.Delay(RetryAfter, stoppingToken);
            }
        }
    }

    private static async Task ListenAsync(string connectionString, Action<string?> hear, CancellationToken stoppingToken)
    {
        // A connection of its own: one of the pool would lose its LISTEN when it is given back.
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(stoppingToken);
        connection.Notification += (_, signal) => hear(signal.Payload);
        await using (var listen = connection.CreateCommand())
        {
            listen.CommandText = $"LISTEN {Channel}";
            await listen.ExecuteNonQueryAsync(stoppingToken);
        }

        while (true)
        {
            await connection.WaitAsync(stoppingToken);
        }
    }

    [LoggerMessage(1203, LogLevel.Warning, "Other nodes could not be told of a revocation; they read it within half a second.")]
    private partial void CannotSend(Exception exception);

    [LoggerMessage(1204, LogLevel.Warning, "Signals of other nodes cannot be heard; revocations are read twice a second until they can.")]
    private partial void CannotListen(Exception exception);
}
