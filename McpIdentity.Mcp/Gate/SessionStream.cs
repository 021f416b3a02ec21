using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.Sessions;
using Microsoft.AspNetCore.Http;

namespace McpIdentity.Mcp.Gate;

/// <summary>
/// The stream of a session (GET), which outlasts its request: it ends when the token that its owner showed last in the session
/// has expired or was revoked. The session itself remains for who comes back with a good token.
/// </summary>
internal static class SessionStream
{
    public static readonly TimeSpan CheckedEvery = TimeSpan.FromSeconds(5);

    public static async Task RunAsync(HttpContext context, OpenSession session, CredentialCheck credentials, TimeProvider time, RequestDelegate sdk)
    {
        var aborted = context.RequestAborted;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        using var timer = new PeriodicTimer(CheckedEvery, time);
        var watching = WatchAsync();
        context.RequestAborted = ended.Token;
        try
        {
            await sdk(context);
        }
        finally
        {
            context.RequestAborted = aborted;
            await ended.CancelAsync(); // the watch too, in whatever it waits for
            await watching;
        }

        async Task WatchAsync()
        {
            try
            {
                while (await timer.WaitForNextTickAsync(ended.Token))
                {
                    if (session.Caller is { } caller && !await credentials.IsStillGoodAsync(caller, ended.Token))
                    {
                        await ended.CancelAsync();
                    }
                }
            }
            catch (Exception) when (ended.IsCancellationRequested)
            {
                // The stream has ended, and with it what was asked; a host's store says so as it likes.
            }
        }
    }
}
