using System.Security.Claims;
using System.Text.Json;
using System.Text.Json.Serialization;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Tools;

/// <summary>What <c>whoami</c> answers.</summary>
internal sealed record CallerDescription(string Sub, string? Name, string? Email, string? ClientId, string[] Scopes, string AuthMethod)
{
    public static string Describe(ClaimsPrincipal? user)
    {
        if (user?.Identity is not { IsAuthenticated: true, AuthenticationType: { } method })
        {
            return "anonymous";
        }

        string? Claim(string type) => user.FindFirst(type)?.Value;
        var caller = new CallerDescription(
            Claim(Claims.Subject)!, Claim(Claims.Name), Claim(Claims.Email), Claim(Claims.ClientId),
            (Claim(Claims.Scope) ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries), method);
        return JsonSerializer.Serialize(caller, CallerJson.Default.CallerDescription);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(CallerDescription))]
internal sealed partial class CallerJson : JsonSerializerContext;
