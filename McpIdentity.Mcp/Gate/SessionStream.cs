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
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        context.RequestAborted = ended.Token;
        using var timer = new PeriodicTimer(CheckedEvery, time);
        var watching = WatchAsync();
        try
        {
            await sdk(context);
        }
        finally
        {
            timer.Dispose();
            await watching;
        }

        async Task WatchAsync()
        {
            while (await timer.WaitForNextTickAsync(CancellationToken.None))
            {
                if (session.Caller is { } caller && !await credentials.IsStillGoodAsync(caller, CancellationToken.None))
                {
                    await ended.CancelAsync();
                    return;
                }
            }
        }
    }
}
