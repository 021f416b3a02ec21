using System.Text.Json;
using System.Text.Json.Nodes;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Administration;

/// <summary>A server that is to stand behind this one, as an entry of <c>Gateway:Servers</c> would say it. What is absent is as there.</summary>
/// <param name="Url">Where it is reached from here: its MCP endpoint.</param>
internal sealed record ServerOrder(string Url) : IAdminBody<ServerOrder>
{
    public static ServerOrder Example => new("http://localhost:3001/mcp") { DisplayName = "Notes", Review = "changed" };

    public string? Path { get; init; }

    public string? DisplayName { get; init; }

    public IReadOnlyDictionary<string, string>? Scopes { get; init; }

    public IReadOnlyList<string>? DefaultScopes { get; init; }

    public IReadOnlyDictionary<string, string>? Tools { get; init; }

    /// <summary><c>none</c>, <c>changed</c> or <c>new</c>.</summary>
    public string? Review { get; init; }

    /// <summary>As <c>00:00:30</c>.</summary>
    public string? Timeout { get; init; }

    public int? MaxRequests { get; init; }

    public int? MaxToolCalls { get; init; }

    public UpstreamOrder? Upstream { get; init; }

    /// <summary>The same as a document of the database.</summary>
    public JsonObject ToDocument()
    {
        var document = new JsonObject();
        Set(document, nameof(FrontedServerOptions.Url), Url);
        Set(document, nameof(FrontedServerOptions.Path), Path);
        Set(document, nameof(FrontedServerOptions.DisplayName), DisplayName);
        Set(document, nameof(FrontedServerOptions.Scopes), Scopes);
        Set(document, nameof(FrontedServerOptions.DefaultScopes), DefaultScopes);
        Set(document, nameof(FrontedServerOptions.Tools), Tools);
        Set(document, nameof(FrontedServerOptions.Review), Review);
        Set(document, nameof(FrontedServerOptions.Timeout), Timeout);
        Set(document, nameof(FrontedServerOptions.MaxRequests), MaxRequests?.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Set(document, nameof(FrontedServerOptions.MaxToolCalls), MaxToolCalls?.ToString(System.Globalization.CultureInfo.InvariantCulture));
        if (Upstream is not null)
        {
            document[nameof(FrontedServerOptions.Upstream)] = Upstream.ToDocument();
        }

        return document;
    }

    /// <summary>What two documents say differently, each member by the name that it has here; of a secret only that it is another.</summary>
    public static IEnumerable<(string Name, string? Before, string? After)> Differences(string before, JsonObject after)
    {
        var (was, now) = (Members(JsonNode.Parse(before)!.AsObject(), "").ToDictionary(), Members(after, "").ToDictionary());
        foreach (var name in was.Keys.Union(now.Keys))
        {
            var (old, present) = (was.GetValueOrDefault(name), now.GetValueOrDefault(name));
            yield return
                old is JsonArray || present is JsonArray ? WhatChanged.List(name, TextsOf(old), TextsOf(present))
                : name is "upstream.value" or "upstream.client_secret" ? (name, old is null ? null : "is set", present is null ? null : $"{old}" == $"{present}" ? "is set" : "is set anew")
                : (name, old?.ToString(), present?.ToString());
        }
    }

    private static IReadOnlyList<string> TextsOf(JsonNode? list) => list is JsonArray array ? [.. array.Select(one => $"{one}")] : [];

    // What the members of Scopes, Tools and the parameters are called is somebody's own name of something.
    private static IEnumerable<(string, JsonNode?)> Members(JsonObject document, string within) => document.SelectMany(member =>
    {
        var name = within + (within is "" or "upstream." ? JsonNamingPolicy.SnakeCaseLower.ConvertName(member.Key) : member.Key);
        return member.Value is JsonObject inner ? Members(inner, name + ".") : [(name, member.Value)];
    });

    public static void Set(JsonObject document, string member, string? value)
    {
        if (value is not null)
        {
            document[member] = value;
        }
    }

    public static void Set(JsonObject document, string member, IReadOnlyDictionary<string, string>? values)
    {
        if (values is { Count: > 0 })
        {
            document[member] = new JsonObject(values.Select(one => KeyValuePair.Create(one.Key, (JsonNode?)one.Value)));
        }
    }

    public static void Set(JsonObject document, string member, IReadOnlyList<string>? values)
    {
        if (values is { Count: > 0 })
        {
            document[member] = new JsonArray([.. values.Select(one => (JsonNode?)one)]);
        }
    }
}

/// <summary>What a server is to know us by. A file with the secret is not among it: whoever may add servers is not to read the files of this machine.</summary>
internal sealed record UpstreamOrder
{
    /// <summary><c>none</c>, <c>header</c>, <c>identity</c>, <c>token_exchange</c> or <c>oauth</c>.</summary>
    public string? Auth { get; init; }

    public string? Header { get; init; }

    /// <summary>The secret. Absent where a server is changed whose URL stays: as it was.</summary>
    public string? Value { get; init; }

    public string? Audience { get; init; }

    public string? TokenEndpoint { get; init; }

    /// <summary><c>token_exchange</c> or <c>jwt_bearer</c>.</summary>
    public string? Grant { get; init; }

    public string? ClientId { get; init; }

    /// <summary>As <see cref="Value"/>.</summary>
    public string? ClientSecret { get; init; }

    public string? Scope { get; init; }

    public string? Issuer { get; init; }

    public string? Resource { get; init; }

    public IReadOnlyDictionary<string, string>? AuthorizationParameters { get; init; }

    public IReadOnlyList<string>? AllowedNetworks { get; init; }

    public JsonObject ToDocument()
    {
        var document = new JsonObject();
        ServerOrder.Set(document, nameof(UpstreamOptions.Auth), WordOf(Auth));
        ServerOrder.Set(document, nameof(UpstreamOptions.Header), Header);
        ServerOrder.Set(document, nameof(UpstreamOptions.Value), Value);
        ServerOrder.Set(document, nameof(UpstreamOptions.Audience), Audience);
        ServerOrder.Set(document, nameof(UpstreamOptions.TokenEndpoint), TokenEndpoint);
        ServerOrder.Set(document, nameof(UpstreamOptions.Grant), WordOf(Grant));
        ServerOrder.Set(document, nameof(UpstreamOptions.ClientId), ClientId);
        ServerOrder.Set(document, nameof(UpstreamOptions.ClientSecret), ClientSecret);
        ServerOrder.Set(document, nameof(UpstreamOptions.Scope), Scope);
        ServerOrder.Set(document, nameof(UpstreamOptions.Issuer), Issuer);
        ServerOrder.Set(document, nameof(UpstreamOptions.Resource), Resource);
        ServerOrder.Set(document, nameof(UpstreamOptions.AuthorizationParameters), AuthorizationParameters);
        ServerOrder.Set(document, nameof(UpstreamOptions.AllowedNetworks), AllowedNetworks);
        return document;
    }

    // token_exchange as the configuration writes it; what is none of its words it refuses itself.
    private static string? WordOf(string? word) => word?.Replace("_", "", StringComparison.Ordinal);
}
