namespace McpIdentity.Mcp;

/// <summary>Whether the endpoint gives sessions to clients of the protocol revisions that have them (MCP 2025-11-25, transports, "Session Management").</summary>
public enum McpSessionMode
{
    /// <summary>Each request stands for itself, on any node.</summary>
    Stateless,

    /// <summary>
    /// Who begins with <c>initialize</c> and shows a good credential is given a session, so that tools can ask the client while they
    /// run. Everybody else is served as without sessions, at the same address.
    /// </summary>
    Stateful,
}
