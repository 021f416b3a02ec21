using McpIdentity.Persistence;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// Brings the revocations of the other nodes to this one: one indexed query a poll. While the database is away the known
/// revocations stay in force, and tokens go on being validated.
/// </summary>
internal sealed partial class FollowRevocations(
    RevokedGrants revoked, IServiceScopeFactory scopes, TimeProvider time, ILogger<FollowRevocations> logger) : BackgroundService
{
    // Twice in the second within which a revocation must be in force on every node (design 5).
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        var failing = false;
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await using var scope = scopes.CreateAsyncScope();
                await revoked.LoadAsync(scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>(), stoppingToken);
                failing = false;
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                if (!failing)
                {
                    CannotRead(exception);
                }

                failing = true;
            }
        }
    }

    [LoggerMessage(1202, LogLevel.Error, "Revocations of other nodes cannot be read; they are read again as soon as the database answers.")]
    private partial void CannotRead(Exception exception);
}
