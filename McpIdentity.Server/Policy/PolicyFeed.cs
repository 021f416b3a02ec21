using McpIdentity.Server.Persistence;
using McpIdentity.Server.Revocation;

namespace McpIdentity.Server.Policy;

/// <summary>Brings a changed policy to this node: the file, and the newest stored version. Until it can be read, what is in force stays so.</summary>
internal sealed partial class PolicyFeed(PolicyInForce inForce, RevocationSignals signals, PreparedSql sql, TimeProvider time, ILogger<PolicyFeed> logger)
    : SignalledFeed(Signal, signals, time)
{
    /// <summary>What the signal says of a new version.</summary>
    public const string Signal = "policy";

    private const string Newest = """SELECT COALESCE(MAX("Id"), 0) FROM "PolicyVersions" """;
    private const string Document = """SELECT "Document" FROM "PolicyVersions" WHERE "Id" = $1""";

    protected override async Task RunAsync(CancellationToken cancellationToken)
    {
        inForce.ReadFile();
        var newest = (await sql.ListAsync(Newest, [], row => row.GetInt64(0), cancellationToken))[0];
        if (newest != inForce.Version)
        {
            inForce.TakeStored(newest, await sql.ReadAsync(Document, [newest], row => row.GetString(0), cancellationToken));
        }
    }

    protected override void Fails(LogLevel level, Exception exception) => CannotRead(level, exception);

    [LoggerMessage(EventId = 1905, Message = "The stored policy cannot be read; what is in force stays so, and it is read again as soon as the database answers.")]
    private partial void CannotRead(LogLevel level, Exception exception);
}
