using System.Threading.Channels;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;

namespace McpIdentity.Server.Revocation;

/// <summary>
/// Brings the revocations of the other nodes to this one: one indexed query a poll, twice a second and at once when another
/// node has announced one (<see cref="RevocationSignals"/>). While the database is away the known revocations stay in force,
/// and tokens go on being validated.
/// </summary>
internal sealed partial class RevocationFeed(
    RevocationList list, RevocationSignals signals, PreparedSql sql, TimeProvider time,
    ILogger<RevocationFeed> logger)
    : BackgroundService
{
    // Twice in the second within which a revocation must be in force on every node (docs/decisions/0002).
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    // The database numbers revocations as they are written, so that no clock of a node says what is new. A transaction may end
    // later than another with a higher number: what was new a short while ago is read again.
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(1);

    private const string Select = """SELECT "Id", "Kind", "Target", "RevokedAt", "ExpiresAt" FROM "Revocations" WHERE "Id" > $1 AND "ExpiresAt" >= $2""";

    private long _settled;
    private long _highest;
    private (long Id, long At)? _mark;

    /// <summary>Reads what was revoked since the last time, the first time everything that still matters.</summary>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (_mark is { } mark && time.GetElapsedTime(mark.At) >= Overlap)
        {
            (_settled, _mark) = (mark.Id, (_highest, time.GetTimestamp()));
        }

        await sql.ListAsync(
            Select, [_settled, now],
            row =>
            {
                list.Add((RevocationKind)row.GetInt32(1), row.GetString(2), sql.Moment(row, 3), sql.Moment(row, 4));
                return _highest = Math.Max(_highest, row.GetInt64(0));
            },
            cancellationToken);

        _mark ??= (_highest, time.GetTimestamp());
        list.Forget(now);
    }

    // What answers after an outage may be a standby that has not heard of everything: its numbers begin lower.
    private void ReadAllAgain() => (_settled, _highest, _mark) = (0, 0, null);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // One place in the queue: however many signals come while a poll runs, one poll follows.
        var wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        await using var timer = time.CreateTimer(_ => wake.Writer.TryWrite(true), null, Interval, Interval);
        var listening = signals.ListenAsync(() => wake.Writer.TryWrite(true), stoppingToken);
        var fault = new ToldFault();
        await foreach (var _ in wake.Reader.ReadAllAsync(stoppingToken))
        {
            try
            {
                await LoadAsync(stoppingToken);
                fault.Works();
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                if (fault.IsNew(exception, out var level))
                {
                    CannotRead(level, exception);
                }

                ReadAllAgain();
            }
        }

        await listening;
    }

    [LoggerMessage(EventId = 1202, Message = "Revocations of other nodes cannot be read; they are read again as soon as the database answers.")]
    private partial void CannotRead(LogLevel level, Exception exception);
}
