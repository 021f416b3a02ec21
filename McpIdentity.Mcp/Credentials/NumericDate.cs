using System.Text.Json;

namespace McpIdentity.Mcp.Credentials;

/// <summary>RFC 7519 §2: seconds since 1970, as a JSON number that may have a fraction.</summary>
internal static class NumericDate
{
    /// <returns>Null when absent; a value that is no usable number counts as the one that is refused.</returns>
    public static double? Read(JsonElement payload, string claim)
    {
        if (!payload.TryGetProperty(claim, out var value))
        {
            return null;
        }

        var isDate = value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var seconds) && double.IsFinite(seconds);
        return isDate ? value.GetDouble() : claim == ClaimNames.Expires ? double.MinValue : double.MaxValue;
    }
}
