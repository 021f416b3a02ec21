using System.Security.Cryptography;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Keys;

/// <summary>
/// Which servers run on this database, and that they read each other's encryption key: one that does not would answer
/// <c>invalid_grant</c> to good refresh tokens, and their clients would throw them away. Whoever comes second does not start.
/// </summary>
internal sealed class NodeRegister(
    EncryptionKeys keys, PreparedSql sql, IOptions<OAuthServerOptions> options, TimeProvider time) : BackgroundService
{
    /// <summary>How often a row is written anew, where others may look at it.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(3);

    private const int GoneAfter = 4;
    private const string Here = "here";
    private const string Select = """SELECT "Id", "Keys", "SeenAt" FROM "Nodes" """;
    private const string Delete = """DELETE FROM "Nodes" WHERE "Id" = $1""";
    private const string Upsert =
        "INSERT INTO \"Nodes\" (\"Id\", \"Keys\", \"SeenAt\") VALUES ($1, $2, $3) ON CONFLICT (\"Id\") DO UPDATE SET \"SeenAt\" = excluded.\"SeenAt\", \"Keys\" = excluded.\"Keys\"";

    private static readonly TimeSpan Forgotten = TimeSpan.FromDays(1);
    private static readonly TimeSpan LeavesWithin = TimeSpan.FromSeconds(1);

    private readonly string _keys = options.Value.Enabled ? string.Join(' ', keys.Fingerprints) : "";
    private string _id = Here;

    // One process serves an SQLite file, and a start with another key is its operator's decision (docs/sessions.md).
    private bool IsShared => _id != Here;

    /// <summary>Before anything is read or written under the encryption key.</summary>
    /// <exception cref="InvalidOperationException">A server that runs uses a key that this one does not read, or the other way round.</exception>
    public async Task JoinAsync(CancellationToken cancellationToken)
    {
        await AgreeAsync(isServer: true, cancellationToken);
        await BeatAsync();
    }

    /// <summary>For a verb that stores something under the encryption key: with another one than that of the servers nobody could read it.</summary>
    /// <inheritdoc cref="JoinAsync"/>
    public Task AgreeAsync(CancellationToken cancellationToken) => AgreeAsync(isServer: false, cancellationToken);

    private async Task AgreeAsync(bool isServer, CancellationToken cancellationToken)
    {
        if (sql.IsPostgres)
        {
            _id = IsShared ? _id : Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
            Dictionary<string, DateTimeOffset>? first = null;
            for (var look = 0; !await TryAgreeAsync(isServer, look == GoneAfter, others => Look(first ??= others, others), cancellationToken); look++)
            {
                await Task.Delay(Interval, time, cancellationToken);
            }
        }
    }

    /// <summary>Writes this server's row: what returns can write, by the way by which requests write.</summary>
    public Task BeatAsync() => sql.WriteAsync(Upsert, _id, _keys, time.GetUtcNow());

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (IsShared)
        {
            // The next one with another key need not wait until this one is known to be gone.
            var leaving = sql.WriteAsync(Delete, _id);
            await Task.WhenAny(leaving, Task.Delay(LeavesWithin, CancellationToken.None));
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (IsShared && await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await BeatAsync();
            }
            catch (Exception exception) when (StorageFaults.IsOne(exception) || exception is System.Data.Common.DbException)
            {
                // The readiness says so.
            }
        }
    }

    /// <returns>Whether all agree, and this server is among them; otherwise somebody with another key was there, and may be gone.</returns>
    private async Task<bool> TryAgreeAsync(bool isServer, bool areGone, Action<Dictionary<string, DateTimeOffset>> look, CancellationToken cancellationToken)
    {
        // Of two that start at once the second sees the first.
        await using var turn = await sql.BeginWorkAsync("nodes", cancellationToken);
        var nodes = await sql.ListAsync(Select, [], row => new Node { Id = row.GetString(0), Keys = row.GetString(1), SeenAt = sql.Moment(row, 2) }, cancellationToken);
        var others = nodes.Where(node => !Agrees(node)).ToDictionary(node => node.Id);
        if (others.Count > 0 && !areGone)
        {
            look(others.ToDictionary(node => node.Key, node => node.Value.SeenAt));
            return false;
        }

        if (!isServer)
        {
            return true;
        }

        var forgotten = time.GetUtcNow() - Forgotten;
        foreach (var gone in nodes.Where(node => others.ContainsKey(node.Id) || node.SeenAt < forgotten))
        {
            await sql.WriteAsync(Delete, gone.Id);
        }

        await BeatAsync(); // its own row is there when the step of the start is done again that wrote it, and did not hear so
        return true;
    }

    // Each reads what the other writes.
    private bool Agrees(Node other)
    {
        var (theirs, ours) = (other.Keys.Split(' '), _keys.Split(' '));
        return other.Keys.Length == 0 || _keys.Length == 0 || (ours.Contains(theirs[0]) && theirs.Contains(ours[0]));
    }

    private void Look(Dictionary<string, DateTimeOffset> first, Dictionary<string, DateTimeOffset> now)
    {
        if (now.Any(other => !first.TryGetValue(other.Key, out var seen) || seen != other.Value))
        {
            throw new InvalidOperationException(
                "Another server runs on this database with another encryption key (OAuth:EncryptionKey, ENCRYPTION_KEY), and the two would not read " +
                $"what the other writes. The key here has the fingerprint {keys.Fingerprint}. Give all servers the same key; to change it, give all of them " +
                "the new one in OAuth:PreviousEncryptionKeys first (docs/sessions.md, \"Changing the encryption key\").");
        }
    }
}
