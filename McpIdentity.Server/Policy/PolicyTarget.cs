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
    /// <summary>The name in the spelling that is decided on.</summary>
    public string Name { get; } = Kind == PolicyTargetKind.Resource ? ResourceAddress.Canonical(Name) : Name;

    /// <summary>MCP's <c>readOnlyHint</c>, as the catalogue knows it; null: the server does not say.</summary>
    public bool? ReadOnly { get; init; }

    /// <summary>MCP's <c>destructiveHint</c>, as the catalogue knows it; null: the server does not say.</summary>
    public bool? Destructive { get; init; }

    /// <summary>It says so, and does not say the opposite as well: what is unknown counts as the worse (the defaults of MCP's <c>ToolAnnotations</c>).</summary>
    public bool IsReadOnly => ReadOnly == true && Destructive != true;

    public bool IsDestructive => !IsReadOnly && Destructive != false;

    /// <summary>Whether a server may read another resource than the one that is decided on: such an address is refused.</summary>
    public bool IsAmbiguous => Kind == PolicyTargetKind.Resource && ResourceAddress.IsAmbiguous(Name);
}
