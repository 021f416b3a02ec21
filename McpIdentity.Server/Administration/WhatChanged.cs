using System.Text.RegularExpressions;
using McpIdentity.Mcp.Audit;

namespace McpIdentity.Server.Administration;

/// <summary>Writes into the record of an act how it was before, and how it is now.</summary>
internal static partial class WhatChanged
{
    /// <param name="done">The act.</param>
    /// <param name="members">
    /// Each with how it was and how it is; those that are alike are left out, as is a side that is empty. None is a secret;
    /// what stands in the query of a URL may be one, and is left out here.
    /// </param>
    public static SecurityEvent Changing(this SecurityEvent done, params IEnumerable<(string Name, string? Before, string? After)> members)
    {
        var changed = members.Where(member => member.Before != member.After)
            .Select(member => (member.Name, Before: Shown(member.Before), After: Shown(member.After)))
            .Select(member => (member.Name, member.Before, After: member.Before == member.After && Query().IsMatch(member.After) ? $"{member.After} (another query)" : member.After))
            .Where(member => member.Before != member.After)
            .OrderBy(member => member.Before.Length + member.After.Length) // a line is cut where it is long
            .ToList();
        return changed.Count == 0 ? done : done with
        {
            Before = string.Join("; ", changed.Where(member => member.Before.Length > 0).Select(member => $"{member.Name}: {member.Before}")),
            After = string.Join("; ", changed.Where(member => member.After.Length > 0).Select(member => $"{member.Name}: {member.After}")),
        };
    }

    /// <summary>Of a list only what was taken out of it, and what came into it: however much it has, that is not cut off.</summary>
    public static (string Name, string? Before, string? After) List(string name, IReadOnlyList<string> was, IReadOnlyList<string> now) =>
        (name, string.Join(' ', was.Except(now)), string.Join(' ', now.Except(was)));

    private static string Shown(string? value) => value is null ? "none" : Query().Replace(value, "?…");

    [GeneratedRegex(@"(?<=://[^\s?#]*)\?[^\s#]+")]
    private static partial Regex Query();
}
