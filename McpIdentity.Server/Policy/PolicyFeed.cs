using McpIdentity.Migrations;
using McpIdentity.Server.Revocation;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Policy;

/// <summary>Brings a changed policy to this node: the file, and the newest stored version. Until it can be read, what is in force stays so.</summary>
internal sealed partial class PolicyFeed(PolicyInForce inForce, RevocationSignals signals, IServiceScopeFactory scopes, TimeProvider time, ILogger<PolicyFeed> logger)
    : SignalledFeed(Signal, signals, time)
{
    /// <summary>What the signal says of a new version.</summary>
    public const string Signal = "policy";

    protected override async Task RunAsync(CancellationToken cancellationToken)
    {
        inForce.ReadFile();
        await using var scope = scopes.CreateAsyncScope();
        var versions = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().PolicyVersions.AsNoTracking();
        var newest = await versions.MaxAsync(version => (long?)version.Id, cancellationToken) ?? 0;
        if (newest != inForce.Version)
        {
            inForce.TakeStored(newest, await versions.Where(version => version.Id == newest).Select(version => version.Document).SingleOrDefaultAsync(cancellationToken));
        }
    }

    protected override void Fails(Exception exception) => CannotRead(exception);

    [LoggerMessage(1905, LogLevel.Error, "The stored policy cannot be read; what is in force stays so, and it is read again as soon as the database answers.")]
    private partial void CannotRead(Exception exception);
}
