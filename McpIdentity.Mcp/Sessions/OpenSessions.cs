using System.Collections.Concurrent;
using McpIdentity.Mcp.Credentials;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using ModelContextProtocol.Server;

namespace McpIdentity.Mcp.Sessions;

/// <summary>
/// Which sessions of the SDK live, and whose they are. To anybody but its owner a session does not exist: an identifier that
/// leaked is answered like one that was never given.
/// </summary>
internal sealed partial class OpenSessions(IOptions<McpOptions> options, IServiceProvider services, ILogger<OpenSessions> logger)
{
    public const string Header = "Mcp-Session-Id";

    private readonly ConcurrentDictionary<string, OpenSession> _sessions = new(StringComparer.Ordinal);
    private RequestDelegate _end = _ => Task.CompletedTask;
    private long _uses;

    public bool AreGiven => options.Value.SessionMode == McpSessionMode.Stateful;

    /// <summary>Where nobody shows who they are, sessions are for everybody.</summary>
    public bool AreForAnybody => options.Value.Auth.AuthType == McpAuthType.None;

    /// <summary>Those that live.</summary>
    public ICollection<string> Ids => _sessions.Keys;

    // What stands before the SDK's own identifier.
    private string Prefix => options.Value.SessionNode is { Length: > 0 } node ? node + "." : "";

    /// <summary>Null when there is none of that name, or it is not the caller's.</summary>
    public OpenSession? Find(string name, VerifiedCaller? caller)
    {
        if (!name.StartsWith(Prefix, StringComparison.Ordinal) || !_sessions.TryGetValue(name[Prefix.Length..], out var session) || session.Owner != SessionOwner.Of(caller))
        {
            return null;
        }

        session.Use(caller, Interlocked.Increment(ref _uses));
        return session;
    }

    /// <summary>An answer that names a session does it by the name that the balancer knows.</summary>
    public void NameNodeIn(HttpResponse response)
    {
        if (Prefix.Length > 0)
        {
            response.OnStarting(() =>
            {
                if (response.Headers.TryGetValue(Header, out var id))
                {
                    response.Headers[Header] = Prefix + id;
                }

                return Task.CompletedTask;
            });
        }
    }

    /// <summary>As its owner would end it.</summary>
    public async Task EndAsync(string id)
    {
        if (_sessions.TryRemove(id, out var session))
        {
            var request = new DefaultHttpContext { RequestServices = services, User = session.User };
            request.Request.Method = HttpMethods.Delete;
            request.Request.Headers[Header] = id;
            await _end(request);
        }
    }

    /// <param name="end">The SDK's own handler of DELETE: only by it does the SDK let go of a session.</param>
    public void EndBy(RequestDelegate end) => _end = end;

    /// <summary>Runs a session of the SDK, and knows it for as long. It is known before its identifier is told to anybody.</summary>
    public async Task RunAsync(HttpContext context, McpServer server, Func<Task> run)
    {
        // Without an opener no gate was passed: then nobody will find the session.
        if (server.SessionId is not { } id || context.Features.Get<SessionOpener>() is not { } opener)
        {
            await run();
            return;
        }

        var session = _sessions[id] = new OpenSession(id, opener.Caller, context.User);
        session.Use(opener.Caller, Interlocked.Increment(ref _uses));
        EndThoseBeyondLimit(session);
        try
        {
            await run();
        }
        finally
        {
            _sessions.TryRemove(id, out _);
        }
    }

    // Nobody pushes out others. With McpAuthType.None nobody is told from anybody else, and the limit of all holds.
    private void EndThoseBeyondLimit(OpenSession latest)
    {
        if (latest.Caller is null)
        {
            return;
        }

        foreach (var session in _sessions.Values.Where(session => session.Owner.IsSamePerson(latest.Owner))
            .OrderByDescending(session => session.Used).Skip(options.Value.MaxSessionsPerCaller).ToList())
        {
            // The SDK waits for what runs in it; who opens the next session does not.
            _ = EndAndLogAsync(session.Id);
        }
    }

    private async Task EndAndLogAsync(string id)
    {
        try
        {
            await EndAsync(id);
        }
        catch (Exception exception)
        {
            CouldNotEnd(exception);
        }
    }

    [LoggerMessage(3403, LogLevel.Warning, "A session that was one too many of its owner did not end as it should.")]
    private partial void CouldNotEnd(Exception exception);
}

/// <summary>On a request that may open a session: for whom.</summary>
internal sealed record SessionOpener(VerifiedCaller? Caller);
