using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Policy;

/// <summary>What MCP's annotations say of a tool, in the words of a rule.</summary>
internal enum ToolAnnotation
{
    ReadOnly,
    Destructive,
}

/// <summary>
/// One entry of a rule's <c>Tools</c>. What stands before a colon is ours in these five cases alone; a tool that is really called so
/// is written with <c>tool:</c> before its name.
/// </summary>
internal sealed record ToolEntry(PolicyTargetKind Kind, NamePattern Name, ToolAnnotation? Annotation = null)
{
    private const string Tool = "tool:";
    private const string Resource = "resource:";
    private const string Prompt = "prompt:";
    private const string Annotated = "annotation:";

    private static readonly NamePattern Any = new("*");

    /// <returns>Null when it has one of our prefixes and nothing that can follow it.</returns>
    public static ToolEntry? Parse(string entry) =>
        entry == Annotated + "read-only" ? new(PolicyTargetKind.Tool, Any, ToolAnnotation.ReadOnly)
        : entry == Annotated + "destructive" ? new(PolicyTargetKind.Tool, Any, ToolAnnotation.Destructive)
        : entry is "" or Tool or Resource or Prompt || entry.StartsWith(Annotated, StringComparison.Ordinal) ? null
        : entry.StartsWith(Tool, StringComparison.Ordinal) ? new(PolicyTargetKind.Tool, new(entry[Tool.Length..]))
        : entry.StartsWith(Resource, StringComparison.Ordinal) ? new(PolicyTargetKind.Resource, new(ResourceAddress.Canonical(entry[Resource.Length..])))
        : entry.StartsWith(Prompt, StringComparison.Ordinal) ? new(PolicyTargetKind.Prompt, new(entry[Prompt.Length..]))
        : new(PolicyTargetKind.Tool, new(entry));

    public bool Matches(PolicyTarget target) => target.Kind == Kind && (Annotation switch
    {
        ToolAnnotation.ReadOnly => target.IsReadOnly,
        ToolAnnotation.Destructive => target.IsDestructive,
        _ => Name.Matches(target.Name),
    });

    /// <summary>Whether it matches all that the other does.</summary>
    public bool Covers(ToolEntry other) => Kind == other.Kind &&
        (Annotation == other.Annotation ? Name.Covers(other.Name) : Annotation is null && Name.Covers(Any));
}
