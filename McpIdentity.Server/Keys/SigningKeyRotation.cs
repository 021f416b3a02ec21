using McpIdentity.Server.Persistence;

namespace McpIdentity.Server.Keys;

/// <summary>
/// Follows the signing keys of the database while the server serves: a key that any node or <c>keys rotate</c> has added is
/// published here long before it signs. Adds the next one when the schedule says so.
/// </summary>
internal sealed partial class SigningKeyRotation(
    SigningKeyRing ring, IServiceScopeFactory scopes, TimeProvider time, ILogger<SigningKeyRotation> logger) : BackgroundService
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    /// <summary>Before the first request.</summary>
    public async Task StartKeysAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        ring.Update(await scope.ServiceProvider.GetRequiredService<SigningKeyStore>().StartAsync(cancellationToken), time.GetUtcNow());
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        var fault = new ToldFault();
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await using var scope = scopes.CreateAsyncScope();
                ring.Update(await scope.ServiceProvider.GetRequiredService<SigningKeyStore>().RotateIfDueAsync(stoppingToken), time.GetUtcNow());
                fault.Works();
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                if (fault.IsNew(exception, out var level))
                {
                    CannotRead(level, exception);
                }
            }
        }
    }

    [LoggerMessage(EventId = 1111, Message = "The signing keys cannot be read; those in force stay so, and they are read again as soon as the database answers.")]
    private partial void CannotRead(LogLevel level, Exception exception);
}
