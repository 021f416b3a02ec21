using System.Globalization;
using System.Text.Json;

namespace McpIdentity.Server.Connections;

/// <summary>The authorization server of one behind this one, by its metadata (RFC 8414 §2), and what it protects (RFC 9728 §2).</summary>
internal sealed record Authority
{
    public required string Issuer { get; init; }

    public required Uri AuthorizationEndpoint { get; init; }

    public required Uri TokenEndpoint { get; init; }

    public Uri? RegistrationEndpoint { get; init; }

    public Uri? RevocationEndpoint { get; init; }

    /// <summary>Whether the answer names its issuer (RFC 9207 §3): then it must.</summary>
    public bool SaysIssuer { get; init; }

    /// <summary>Whether it reads client ID metadata documents.</summary>
    public bool TakesDocuments { get; init; }

    /// <summary>How clients authenticate there; <c>client_secret_basic</c> where it does not say (RFC 8414 §2).</summary>
    public IReadOnlyList<string> Methods { get; init; } = [];

    /// <summary>Whether a refresh token is something to be asked for there (OpenID Connect Core §11).</summary>
    public bool OffersOfflineAccess { get; init; }

    /// <summary>What it is told that the tokens are for (RFC 8707): what the server calls itself, or what the operator says; empty: nothing.</summary>
    public required string Resource { get; init; }

    /// <summary>The scopes that the server asks for; empty where it does not.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];

    public static string? Text(JsonElement? element, string name) =>
        element is { ValueKind: JsonValueKind.Object } known && known.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    public static bool IsTrue(JsonElement element, string name) => element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    /// <returns>For how long a token is good (RFC 6749 §5.1), which some say in a string; null where it is not said.</returns>
    public static TimeSpan? Lifetime(JsonElement answer) =>
        answer.TryGetProperty("expires_in", out var said) && said.ValueKind is JsonValueKind.Number or JsonValueKind.String &&
        double.TryParse(said.ToString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) && seconds > 0
            ? TimeSpan.FromSeconds(Math.Min(seconds, int.MaxValue))
            : null;

    public static IReadOnlyList<string> Texts(JsonElement element, string name) =>
        element.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array
            ? [.. list.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!)]
            : [];
}
