using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.Sessions;
using Microsoft.AspNetCore.Http;

namespace McpIdentity.Mcp.Gate;

/// <summary>
/// Which of the SDK's transports a message goes to that the gate has allowed: into the session that it names, into a new one,
/// or to where there are none. The decision was made without looking at the session, so that its name opens nothing.
/// </summary>
internal sealed class SessionRouting(OpenSessions sessions, Lazy<StatelessTransport> stateless)
{
    // The revisions with sessions are older, and theirs are dates as well.
    private const string FirstWithoutSessions = "2026-07-28";

    /// <summary>
    /// Whether a GET or DELETE can mean anything: it names a session, in a revision that has them. For the others the method is
    /// none of this address, and who has no session is not asked to sign in for a stream (MCP 2025-11-25, transports: 405).
    /// </summary>
    public static bool HasTarget(HttpRequest request) => request.Headers.ContainsKey(OpenSessions.Header) && !IsWithoutSessions(request);

    /// <summary>Null when the message names a session that is not the caller's, or none at all.</summary>
    /// <param name="context">The request.</param>
    /// <param name="call">The message.</param>
    /// <param name="caller">Null for who showed no credential.</param>
    /// <param name="sdk">The SDK's handler of this method.</param>
    public Route? Find(HttpContext context, McpCall call, VerifiedCaller? caller, RequestDelegate sdk)
    {
        var request = context.Request;
        if (!sessions.AreGiven)
        {
            return WithoutSession(request, sdk);
        }

        if (IsWithoutSessions(request))
        {
            return WithoutSession(request, stateless.Value.Endpoint);
        }

        if (call.Method == McpMethods.Initialize)
        {
            // Not to strangers: whoever goes on after signing in would be another caller, and anybody could fill the memory.
            // Nor to who reads no event streams: what a tool asks would not reach them.
            if (!IsGiven(caller) || PlainJson.IsWanted(request, call))
            {
                return WithoutSession(request, stateless.Value.Endpoint);
            }

            request.Headers.Remove(OpenSessions.Header);
            context.Features.Set(new SessionOpener(caller));
            sessions.NameNodeIn(context.Response);
            return new Route(sdk, IsOfSession: true, Session: null);
        }

        if (!request.Headers.TryGetValue(OpenSessions.Header, out var id))
        {
            return WithoutSession(request, stateless.Value.Endpoint);
        }

        if (sessions.Find(id.ToString(), caller) is not { } session)
        {
            return null;
        }

        request.Headers[OpenSessions.Header] = session.Id;
        sessions.NameNodeIn(context.Response);
        return new Route(sdk, IsOfSession: true, session);
    }

    /// <summary>What an initialize has opened whose parameters turned out to be none.</summary>
    public async Task TakeBackAsync(HttpContext context)
    {
        if (context.Response.Headers.Remove(OpenSessions.Header, out var id))
        {
            await sessions.EndAsync(id.ToString());
        }
    }

    private bool IsGiven(VerifiedCaller? caller) => caller is not null || sessions.AreForAnybody;

    // Hosted clients replay the identifier of a session that another server gave them, with initialize too
    // (docs/interoperability.md, "Sessions that we never gave").
    private static Route WithoutSession(HttpRequest request, RequestDelegate sdk)
    {
        request.Headers.Remove(OpenSessions.Header);
        return new Route(sdk, IsOfSession: false, Session: null);
    }

    private static bool IsWithoutSessions(HttpRequest request) =>
        string.CompareOrdinal(request.Headers["MCP-Protocol-Version"].ToString(), FirstWithoutSessions) >= 0;

    /// <param name="Sdk">What runs the message.</param>
    /// <param name="IsOfSession">Whether it is a message of a session, or opens one.</param>
    /// <param name="Session">The one that it is of.</param>
    internal sealed record Route(RequestDelegate Sdk, bool IsOfSession, OpenSession? Session);
}
