using System.Diagnostics;
using System.Net.Sockets;
using Npgsql;
using StackExchange.Redis;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// A start is no request that somebody waits for: where PostgreSQL is still starting (after a power cut it is the slower one),
/// answers too slowly, or goes away for a moment, the same step is tried again. Each can be, for whoever is restarted does all of
/// them again.
/// </summary>
internal static partial class PatientStart
{
    // From the first time that a step fails.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    /// <param name="logger">Told once, when the waiting begins.</param>
    /// <param name="database">What is waited for, in words for the operator.</param>
    /// <param name="step">What is done again until it succeeds.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public static async Task TryAsync(ILogger logger, Func<string> database, Func<Task> step, CancellationToken cancellationToken)
    {
        var clock = new Stopwatch();
        while (true)
        {
            try
            {
                await step();
                return;
            }
            catch (Exception exception) when (IsPassing(exception) && clock.Elapsed < Patience)
            {
                if (!clock.IsRunning)
                {
                    clock.Start();
                    TriedAgain(logger, database(), exception.GetBaseException().Message.TrimEnd('.'), Patience.TotalSeconds);
                }

                await Task.Delay(Pause, cancellationToken);
            }
        }
    }

    /// <summary>A step of the start that uses the database, whichever it is.</summary>
    public static Task TryStepAsync(this IServiceProvider services, Func<Task> step, CancellationToken cancellationToken) => TryAsync(
        services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(PatientStart).FullName!),
        services.DescribeDatabase,
        step,
        cancellationToken);

    // Redis has a rule of its own, and nobody makes a file of SQLite readable within half a minute.
    private static bool IsPassing(Exception exception)
    {
        var isOfPostgres = false;
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is RedisException or RedisTimeoutException)
            {
                return false;
            }

            // A name that does not resolve is thrown as it is, and a standby has no exception of its own.
            isOfPostgres |= cause is NpgsqlException or SocketException or TimeoutException or StorageUnavailableException { InnerException: null };
        }

        return isOfPostgres && StorageFaults.IsOne(exception) && !StorageFaults.IsRefusal(exception);
    }

    [LoggerMessage(1602, LogLevel.Warning, "{Database} is out of reach ({Reason}). This step of the start is tried again for {Seconds} seconds.")]
    private static partial void TriedAgain(ILogger logger, string database, string reason, double seconds);
}
