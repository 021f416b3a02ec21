using Microsoft.Extensions.Options;
using ModelContextProtocol.AspNetCore;

namespace McpIdentity.Mcp.Sessions;

/// <summary>What the SDK's transport is told, and that the host does not tell it otherwise.</summary>
internal sealed class SessionTransport(IOptions<McpOptions> options, OpenSessions sessions, TimeProvider time)
    : IConfigureOptions<HttpServerTransportOptions>, IPostConfigureOptions<HttpServerTransportOptions>, IValidateOptions<HttpServerTransportOptions>
{
#pragma warning disable MCP9004, MCP9006 // obsolete with the revisions that have sessions; these are what it is about
#pragma warning disable MCPEXP002 // experimental: nothing else tells when a session ends
    public void Configure(HttpServerTransportOptions transport)
    {
        transport.TimeProvider = time;
        if (Mcp is { SessionMode: McpSessionMode.Stateful } mcp)
        {
            transport.SessionMode = HttpServerSessionMode.StatefulForInitializeClients;
            transport.IdleTimeout = mcp.SessionIdleTimeout;
            transport.MaxIdleSessionCount = mcp.MaxIdleSessions;
        }
    }

    public void PostConfigure(string? name, HttpServerTransportOptions transport)
    {
        if (transport.SessionMode != HttpServerSessionMode.Stateless)
        {
            var run = transport.RunSessionHandler ?? ((_, server, closed) => server.RunAsync(closed));
            transport.RunSessionHandler = (context, server, closed) => sessions.RunAsync(context, server, () => run(context, server, closed));
        }
    }

    public ValidateOptionsResult Validate(string? name, HttpServerTransportOptions transport)
    {
        if (Mcp is not { } mcp)
        {
            return ValidateOptionsResult.Skip; // its own rules say what is wrong with it
        }

        var expected = mcp.SessionMode == McpSessionMode.Stateful ? HttpServerSessionMode.StatefulForInitializeClients : HttpServerSessionMode.Stateless;
        string[] problems =
        [
            .. transport.SessionMode == expected ? Array.Empty<string>() :
                [$"HttpServerTransportOptions.SessionMode is {transport.SessionMode}; the MCP module needs {expected}, by Mcp:SessionMode={mcp.SessionMode}. " +
                    "Remove the WithHttpTransport(…) that sets another: with sessions that the module does not know no caller could be told from another."],
            .. transport.PerSessionExecutionContext ?
                ["HttpServerTransportOptions.PerSessionExecutionContext is true: no message could be told from the token that came with it."] : Array.Empty<string>(),
            .. transport.EnableLegacySse ?
                ["HttpServerTransportOptions.EnableLegacySse is true: the MCP module does not guard the transport of 2024-11-05."] : Array.Empty<string>(),
        ];
        return problems.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }
#pragma warning restore MCPEXP002
#pragma warning restore MCP9004, MCP9006

    private McpOptions? Mcp
    {
        get
        {
            try
            {
                return options.Value;
            }
            catch (OptionsValidationException)
            {
                return null; // reported once, for McpOptions itself
            }
        }
    }
}
