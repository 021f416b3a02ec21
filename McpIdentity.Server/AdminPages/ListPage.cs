using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>
/// What the pages that list something share: what is looked for, the rows, and how the list goes on. How it looks is in
/// <c>_List.cshtml</c>; a page writes its columns and rows, and what stands around them.
/// </summary>
internal abstract class ListPage : ConsolePage
{
    /// <summary>What is listed.</summary>
    public abstract string Heading { get; }

    /// <summary>What has to be known to read it.</summary>
    public virtual string? About => null;

    /// <summary>What it says where there is nothing.</summary>
    public virtual string None => "There is none.";

    /// <summary>By what it is searched.</summary>
    public virtual IReadOnlyList<ListField> Fields => [];

    /// <summary>How many rows this part of it has.</summary>
    public abstract int Count { get; }

    /// <summary>Behind which row this part begins, as the part before said.</summary>
    [BindProperty(Name = "after", SupportsGet = true)]
    public string? After { get; set; }

    /// <summary>Where it goes on; null at its end.</summary>
    public string? Next { get; protected set; }
}

/// <summary>One thing that a list is searched by.</summary>
/// <param name="Name">In the address.</param>
/// <param name="Label">What people read.</param>
/// <param name="Value">What is looked for.</param>
internal sealed record ListField(string Name, string Label, string? Value)
{
    public string? Placeholder { get; init; }

    /// <summary>Of the <c>input</c>.</summary>
    public string Type { get; init; } = "text";

    /// <summary>What there is to choose from, in place of typing: each value with its text.</summary>
    public IReadOnlyList<(string Value, string Text)>? Choices { get; private init; }

    /// <param name="name">In the address.</param>
    /// <param name="label">What people read.</param>
    /// <param name="value">What is chosen.</param>
    /// <param name="words">Each is its own text; the choice of any is added.</param>
    public static ListField Choice(string name, string label, string? value, params IEnumerable<string> words) =>
        Choice(name, label, value, [("", "any"), .. words.Select(word => (word, word))]);

    /// <inheritdoc cref="Choice(string, string, string?, IEnumerable{string})"/>
    public static ListField Choice(string name, string label, string? value, IReadOnlyList<(string Value, string Text)> choices) =>
        new(name, label, value) { Choices = choices };

    /// <summary>A box to tick.</summary>
    public static ListField Box(string name, string label, bool isTicked) => new(name, label, isTicked ? "1" : null) { Type = "checkbox" };
}
