namespace McpIdentity.Server.Protocol;

/// <summary>A server that this one stands before, as a resource; its URL is our own address and its path.</summary>
/// <param name="Server">Its name in <c>Gateway:Servers</c>.</param>
/// <param name="Path">Where it is served.</param>
/// <param name="Name">What people read.</param>
/// <param name="Scopes">Its own; empty: those of every MCP server.</param>
/// <param name="DefaultScopes">What a request gets that asks for none of its own; empty: all that are for everybody.</param>
internal sealed record FrontedResource(string Server, string Path, string Name, IReadOnlyList<Scope> Scopes, IReadOnlyList<string> DefaultScopes);
