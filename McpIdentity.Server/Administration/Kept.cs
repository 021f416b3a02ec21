using McpIdentity.Server.Persistence;

namespace McpIdentity.Server.Administration;

/// <summary>
/// What takes long to find out. It is asked for once at a time, in the background: whoever asks meanwhile hears the same, and nobody's
/// page waits longer than it wants to.
/// </summary>
/// <param name="scopes">Of the services that are asked.</param>
/// <param name="time">By which an answer grows old.</param>
/// <param name="log">Hears of the first time that it could not be found out.</param>
/// <param name="goodFor">How long an answer is given again.</param>
/// <param name="ask">How it is found out.</param>
internal sealed class Kept<T>(IServiceScopeFactory scopes, TimeProvider time, ILogger<Kept<T>> log, TimeSpan goodFor, Func<IServiceProvider, CancellationToken, Task<T>> ask)
    where T : class
{
    // A question that never ends must not be the last that is asked.
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    private readonly Lock _turn = new();
    private readonly ToldFault _fault = new();
    private Task<Answer>? _asked;

    /// <summary>What was found last; null: nothing yet.</summary>
    public Answer? Last { get; private set; }

    /// <summary>Whether it could not be found out, when it was asked last.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Whether it is being found out.</summary>
    public bool IsRunning => _asked is { IsCompleted: false };

    /// <summary>As it is now, or was a short time ago.</summary>
    /// <exception cref="Exception">It could not be found out.</exception>
    public Task<Answer> AskAsync(CancellationToken cancellationToken)
    {
        lock (_turn)
        {
            if (_asked is not { IsFaulted: false, IsCanceled: false } || (_asked.IsCompletedSuccessfully && time.GetUtcNow() - _asked.Result.At >= goodFor))
            {
                _asked = Task.Run(FindAsync, CancellationToken.None);
            }

            return _asked.WaitAsync(cancellationToken);
        }
    }

    /// <summary>The same for who does not wait: what was found last, where it takes longer or fails.</summary>
    public async Task<Answer?> AskAsync(TimeSpan wait)
    {
        var asked = AskAsync(CancellationToken.None);
        await Task.WhenAny(asked, Task.Delay(wait));
        return asked.IsCompletedSuccessfully ? await asked : Last;
    }

    private async Task<Answer> FindAsync()
    {
        using var end = new CancellationTokenSource(Longest);
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var found = await ask(scope.ServiceProvider, end.Token);
            HasFailed = false;
            _fault.Works();
            return Last = new Answer(found, time.GetUtcNow());
        }
        catch (Exception exception)
        {
            if (_fault.IsNew(exception, out var level))
            {
                KeptSetup.CouldNotBeFoundOut(log, level, typeof(T).Name, exception);
            }

            HasFailed = true;
            throw;
        }
    }

    /// <param name="Value">What was found.</param>
    /// <param name="At">When.</param>
    public sealed record Answer(T Value, DateTimeOffset At);
}

/// <summary>Has things kept.</summary>
internal static partial class KeptSetup
{
    public static void AddKept<T>(this IServiceCollection services, TimeSpan goodFor, Func<IServiceProvider, CancellationToken, Task<T>> ask)
        where T : class =>
        services.AddSingleton(provider => new Kept<T>(
            provider.GetRequiredService<IServiceScopeFactory>(), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<Kept<T>>>(), goodFor, ask));

    [LoggerMessage(EventId = 1911, Message = "What the console shows of {What} could not be found out.")]
    public static partial void CouldNotBeFoundOut(ILogger log, LogLevel level, string what, Exception exception);
}
