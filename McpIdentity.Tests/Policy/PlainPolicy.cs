using System.Text.Json;
using System.Text.RegularExpressions;

namespace McpIdentity.Tests.Policy;

/// <summary>
/// docs/policy.md, "What a rule is", once more and in another way: from the JSON itself, group by group and with regular expressions,
/// slow and plain. What is decided by must agree with it.
/// </summary>
internal sealed class PlainPolicy(IReadOnlyList<JsonElement> documents)
{
    /// <param name="Subject">Null for a service.</param>
    /// <param name="Email">Where it counts.</param>
    /// <param name="Said">What the provider said.</param>
    /// <param name="Lacks">Whether the provider said that there are others.</param>
    internal sealed record Asker(string? Subject, string? Client, string? Email, string[] Said, bool Lacks = false);

    internal sealed record Thing(string Kind, string Name, bool? ReadOnly, bool? Destructive);

    public (string Effect, int Rule) Decide(Asker who, string server, Thing what)
    {
        var number = 0;
        foreach (var rule in Rules())
        {
            number++;
            if (IsFor(rule, who, server) && (Entries(rule, "Tools") is not { } tools || tools.Any(entry => IsAbout(entry, what))))
            {
                return (rule.GetProperty("Effect").GetString()!, number);
            }
        }

        return ("deny", 0);
    }

    /// <returns>Null for all scopes.</returns>
    public HashSet<string>? Scopes(Asker who, string server)
    {
        var scopes = new HashSet<string>();
        foreach (var rule in Rules().Where(rule => IsFor(rule, who, server)))
        {
            var effect = rule.GetProperty("Effect").GetString();
            if (effect == "deny" && Entries(rule, "Tools") is null)
            {
                return scopes;
            }

            if (effect != "deny")
            {
                if (Entries(rule, "Scopes") is not { } granted)
                {
                    return null;
                }

                scopes.UnionWith(granted);
            }
        }

        return scopes;
    }

    private IEnumerable<JsonElement> Rules() => documents.SelectMany(document => document.GetProperty("Rules").EnumerateArray());

    private bool IsFor(JsonElement rule, Asker who, string server)
    {
        var isFor = true;
        if (Entries(rule, "Servers") is { } servers)
        {
            isFor &= servers.Any(entry => Fits(entry.ToLowerInvariant(), server.ToLowerInvariant()));
        }

        if (Entries(rule, "Groups") is { } groups)
        {
            var refuses = rule.GetProperty("Effect").GetString() == "deny";
            isFor &= groups.Any(group => IsIn(group, who) || (refuses && who.Lacks && IsSaid(group)));
        }

        if (Entries(rule, "Users") is { } users)
        {
            isFor &= who.Subject is not null && users.Any(entry => entry == "subject:" + who.Subject || HasAddress(entry, who));
        }

        if (Entries(rule, "Clients") is { } clients)
        {
            isFor &= who.Client is not null && clients.Any(entry => entry.StartsWith("service:", StringComparison.Ordinal)
                ? who.Subject is null && Fits(entry[8..], who.Client)
                : Fits(entry, who.Client));
        }

        return isFor;
    }

    private bool IsIn(string group, Asker who) => Members(group) is { } members
        ? members.Any(entry =>
            who.Subject is null ? entry == "client:" + who.Client
            : entry == "subject:" + who.Subject || HasAddress(entry, who) || who.Said.Any(said => Same(entry, "claim:" + said)))
        : who.Subject is not null && who.Said.Any(said => Same(said, group));

    private bool IsSaid(string group) => Members(group) is not { } members || members.Any(entry => entry.StartsWith("claim:", StringComparison.Ordinal));

    /// <returns>Null for a group of the provider's.</returns>
    private string[]? Members(string group)
    {
        foreach (var document in documents)
        {
            if (document.GetProperty("Groups").EnumerateObject().FirstOrDefault(member => Same(member.Name, group)) is { Value.ValueKind: JsonValueKind.Array } defined)
            {
                return [.. defined.Value.EnumerateArray().Select(entry => entry.GetString()!)];
            }

            if (document.GetProperty("Rules").EnumerateArray().Any(rule => Entries(rule, "Groups")?.Any(name => Same(name, group)) == true))
            {
                break;
            }
        }

        return null;
    }

    private static bool HasAddress(string entry, Asker who) =>
        who.Email is { } email && !entry.Contains(':', StringComparison.Ordinal) && (Same(entry, email) || (entry.StartsWith('@') && email.EndsWith(entry, StringComparison.OrdinalIgnoreCase)));

    private static bool IsAbout(string entry, Thing what)
    {
        var (kind, name) = entry.Split(':', 2) is [("tool" or "resource" or "prompt" or "annotation") and var prefix, var rest] ? (prefix, rest) : ("tool", entry);
        var isReadOnly = what.ReadOnly == true && what.Destructive != true;
        return (kind, name) switch
        {
            ("annotation", "read-only") => what.Kind == "tool" && isReadOnly,
            ("annotation", _) => what.Kind == "tool" && !isReadOnly && what.Destructive != false,
            _ => kind == what.Kind && Fits(name, what.Name),
        };
    }

    private static bool Fits(string pattern, string name) => Regex.IsMatch(name, "\\A" + string.Join("[\\s\\S]*", pattern.Split('*').Select(Regex.Escape)) + "\\z");

    private static bool Same(string one, string other) => one.Equals(other, StringComparison.OrdinalIgnoreCase);

    private static string[]? Entries(JsonElement rule, string member) =>
        rule.TryGetProperty(member, out var entries) ? [.. entries.EnumerateArray().Select(entry => entry.GetString()!)] : null;
}
