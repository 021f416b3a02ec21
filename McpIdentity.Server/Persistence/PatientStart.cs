using System.Diagnostics;
using Npgsql;
using StackExchange.Redis;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// A start is no request that somebody waits for: where PostgreSQL answers too slowly, or goes away for a moment, the same step is
/// tried again. Each can be, for whoever is restarted does all of them again.
/// </summary>
internal static partial class PatientStart
{
    /// <summary>For how long, from the first time that a step fails.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Between two tries.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    public static async Task<T> TryAsync<T>(ILogger logger, Func<Task<T>> step, CancellationToken cancellationToken)
    {
        var clock = new Stopwatch();
        while (true)
        {
            try
            {
                return await step();
            }
            catch (Exception exception) when (IsPassing(exception) && clock.Elapsed < Patience)
            {
                clock.Start();
                TriedAgain(logger, exception.GetBaseException().Message, (Patience - clock.Elapsed).TotalSeconds);
                await Task.Delay(Pause, cancellationToken);
            }
        }
    }

    /// <inheritdoc cref="TryAsync{T}"/>
    public static Task TryAsync(ILogger logger, Func<Task> step, CancellationToken cancellationToken) => TryAsync(logger, async () =>
    {
        await step();
        return true;
    }, cancellationToken);

    // Redis has a rule of its own, and nobody makes a file of SQLite readable within half a minute.
    private static bool IsPassing(Exception exception)
    {
        var isOfPostgres = false;
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            isOfPostgres |= cause is NpgsqlException or (TimeoutException and not RedisTimeoutException);
        }

        return isOfPostgres && StorageFaults.IsOne(exception) && !StorageFaults.IsRefusal(exception);
    }

    [LoggerMessage(1613, LogLevel.Warning, "The database did not answer in time ({Reason}). This step of the start is tried again for {Seconds:N0} seconds.")]
    private static partial void TriedAgain(ILogger logger, string reason, double seconds);
}
