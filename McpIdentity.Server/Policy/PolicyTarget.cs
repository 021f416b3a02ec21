namespace McpIdentity.Server.Policy;

/// <summary>What is asked for at a fronted server.</summary>
internal enum PolicyTargetKind
{
    Tool,
    Resource,
    Prompt,

    /// <summary>A method that is none of these and has no rule of its own, by its name: only a rule that speaks of everything allows it.</summary>
    Other,
}

/// <summary>One tool, resource or prompt of a fronted server.</summary>
/// <param name="Kind">Which of the three.</param>
/// <param name="Name">The name of the tool or prompt; of a resource its address.</param>
internal sealed record PolicyTarget(PolicyTargetKind Kind, string Name)
{
    /// <summary>MCP's <c>readOnlyHint</c>, as the catalogue knows it; null: the server does not say.</summary>
    public bool? ReadOnly { get; init; }

    /// <summary>MCP's <c>destructiveHint</c>, as the catalogue knows it; null: the server does not say.</summary>
    public bool? Destructive { get; init; }

    /// <summary>It says so, and does not say the opposite as well: what is unknown counts as the worse (the defaults of MCP's <c>ToolAnnotations</c>).</summary>
    public bool IsReadOnly => ReadOnly == true && Destructive != true;

    public bool IsDestructive => !IsReadOnly && Destructive != false;

    /// <summary>
    /// Whether it is the address of a resource with a <c>.</c> or <c>..</c> for a segment (RFC 3986 §5.2.4): the server would read
    /// another address than the one that is decided on.
    /// </summary>
    public bool IsAmbiguous => Kind == PolicyTargetKind.Resource && Name.AsSpan().ContainsAny('.', '%') &&
        Name.Replace("%2e", ".", StringComparison.OrdinalIgnoreCase).Replace("%2f", "/", StringComparison.OrdinalIgnoreCase).Replace("%5c", "/", StringComparison.OrdinalIgnoreCase)
            .Split('/', '\\', '?', '#').Any(segment => segment is "." or "..");
}
