namespace McpIdentity.Tests.Support;

/// <summary>The programs of <c>McpClients/typescript/package.json</c>: <c>npm ci</c> there installs them.</summary>
internal static class NodePackages
{
    public static string Folder { get; } = Repository.PathOf("McpIdentity.Tests", "McpClients", "typescript");

    /// <summary>Node 22, which the conformance suite and the Inspector need: the package <c>node</c> brings it.</summary>
    /// <remarks>Where npm runs no install scripts it is not there, and the machine's own Node has to be new enough.</remarks>
    public static string Node22
    {
        get
        {
            var own = PathOf("node", "bin", "node");
            return File.Exists(own) ? own : "node";
        }
    }

    public static string PathOf(params string[] parts) => Path.Combine([Folder, "node_modules", .. parts]);
}
