namespace McpIdentity.Mcp;

/// <summary>What a tool says about who may call it, beside <c>[McpServerTool]</c> on its method or class.</summary>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class)]
public sealed class ToolAccessAttribute : Attribute
{
    /// <summary>Public where <see cref="McpAuthOptions.PublicTools"/> says <c>default</c>.</summary>
    public bool Public { get; set; }

    /// <summary>Compared with <see cref="McpAuthOptions.PublicCategories"/>.</summary>
    public string? Category { get; set; }

    /// <summary>Scopes, separated by spaces, of which the caller needs all. Who has no way to get them does not see the tool.</summary>
    public string Scopes { get; set; } = "";
}
