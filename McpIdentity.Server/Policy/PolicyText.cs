using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Policy;

/// <summary>Rules and groups as somebody would write them, to be quoted and compared.</summary>
internal static class PolicyText
{
    private static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Of(PolicyOptions document) => new JsonObject
    {
        [nameof(PolicyOptions.Groups)] = new JsonObject(document.Groups.Select(group => KeyValuePair.Create<string, JsonNode?>(group.Key, ListOf(group.Value)))),
        [nameof(PolicyOptions.Rules)] = new JsonArray([.. document.Rules.Select(Node)]),
    }.ToJsonString(Compact);

    public static string Of(PolicyRuleOptions rule) => Node(rule).ToJsonString(Compact);

    private static JsonObject Node(PolicyRuleOptions rule)
    {
        var node = new JsonObject();
        foreach (var (name, entries) in rule.Members.Where(member => member.Entries is not null))
        {
            node[name] = ListOf(entries!);
        }

        node[nameof(PolicyRuleOptions.Effect)] = rule.Effect;
        return node;
    }

    private static JsonNode ListOf(IList<string> entries) =>
        entries.Count == 1 && !entries[0].Contains(',', StringComparison.Ordinal) ? JsonValue.Create(entries[0]) : new JsonArray([.. entries.Select(entry => (JsonNode?)JsonValue.Create(entry))]);
}
