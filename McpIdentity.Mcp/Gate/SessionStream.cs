using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.Sessions;
using Microsoft.AspNetCore.Http;

namespace McpIdentity.Mcp.Gate;

/// <summary>A stream that outlasts what was shown when it was opened.</summary>
internal static class SessionStream
{
    public static readonly TimeSpan CheckedEvery = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The stream of a session (GET): it ends when the token that its owner showed last in the session has expired or was revoked. The
    /// session itself remains for who comes back with a good token.
    /// </summary>
    public static Task RunAsync(HttpContext context, OpenSession session, CredentialCheck credentials, TimeProvider time, RequestDelegate sdk) =>
        RunAsync(context, async cancel => session.Caller is not { } caller || await credentials.IsStillGoodAsync(caller, cancel), time, () => sdk(context), CancellationToken.None);

    /// <summary>Runs what answers with a stream, for as long as its caller may have it.</summary>
    /// <param name="context">The request, which is aborted where that ends.</param>
    /// <param name="isStillGood">Asked regularly.</param>
    /// <param name="time">Says when.</param>
    /// <param name="run">Answers.</param>
    /// <param name="stopping">Where the host stops, and what answers does not know of it.</param>
    /// <returns>Whether it was ended here, by what was asked or because the host stops.</returns>
    public static async Task<bool> RunAsync(HttpContext context, Func<CancellationToken, ValueTask<bool>> isStillGood, TimeProvider time, Func<Task> run, CancellationToken stopping)
    {
        var aborted = context.RequestAborted;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(aborted, stopping);
        var watch = new Watch(isStillGood, ended);
        context.RequestAborted = ended.Token;
        bool wasEnded;
        try
        {
            // Most answers are whole before it first ticks, and cost no more than a timer.
            await using (time.CreateTimer(static watch => ((Watch)watch!).Tick(), watch, CheckedEvery, CheckedEvery))
            {
                await run();
            }
        }
        finally
        {
            context.RequestAborted = aborted;
            wasEnded = ended.IsCancellationRequested && !aborted.IsCancellationRequested;
            await watch.EndAsync();
        }

        return wasEnded;
    }

    private sealed class Watch(Func<CancellationToken, ValueTask<bool>> isStillGood, CancellationTokenSource ended)
    {
        private Task _checking = Task.CompletedTask;

        public void Tick()
        {
            if (_checking.IsCompletedSuccessfully)
            {
                _checking = CheckAsync();
            }
        }

        public async Task EndAsync()
        {
            if (!_checking.IsCompletedSuccessfully)
            {
                await ended.CancelAsync(); // in whatever it waits for
                await _checking;
            }
        }

        private async Task CheckAsync()
        {
            try
            {
                if (!await isStillGood(ended.Token))
                {
                    await ended.CancelAsync();
                }
            }
            catch (Exception) when (ended.IsCancellationRequested)
            {
                // The stream has ended, and with it what was asked; a host's store says so as it likes.
            }
        }
    }
}
