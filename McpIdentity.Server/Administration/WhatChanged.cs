using McpIdentity.Mcp.Audit;

namespace McpIdentity.Server.Administration;

/// <summary>Writes into the record of an act how it was before, and how it is now.</summary>
internal static class WhatChanged
{
    /// <param name="done">The act.</param>
    /// <param name="members">Each with how it was and how it is; those that are alike are left out. None is a secret.</param>
    public static SecurityEvent Changing(this SecurityEvent done, params IEnumerable<(string Name, string? Before, string? After)> members)
    {
        var changed = members.Where(member => (member.Before ?? "") != (member.After ?? "")).ToList();
        return changed.Count == 0 ? done : done with
        {
            Before = string.Join("; ", changed.Select(member => $"{member.Name}: {member.Before ?? "none"}")),
            After = string.Join("; ", changed.Select(member => $"{member.Name}: {member.After ?? "none"}")),
        };
    }
}
