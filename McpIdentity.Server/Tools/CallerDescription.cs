using System.Security.Claims;
using System.Text.Json;
using System.Text.Json.Serialization;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Tools;

/// <summary>Who calls: what <c>whoami</c> answers.</summary>
internal sealed record CallerDescription(string Sub, string? Name, string? Email, string? ClientId, string[] Scopes, string AuthMethod)
{
    // The auth_method of docs/security-log.md. A subject of another issuer names nobody whom we know.
    private const string OwnToken = "oauth";

    /// <summary>
    /// A JWT of another issuer says of its caller what it likes. Our own access tokens say nothing but the subject; the rest is
    /// looked up, where the person has read on the consent page that the tools see it (<see cref="ServerScopes.OfOwnEndpoint"/>).
    /// </summary>
    /// <returns>Null for a caller without a credential.</returns>
    public static async Task<CallerDescription?> DescribeAsync(ClaimsPrincipal? user, IServiceProvider services, CancellationToken cancellationToken)
    {
        if (user?.Identity is not { IsAuthenticated: true, AuthenticationType: { } method })
        {
            return null;
        }

        string? Claim(string type) => user.FindFirst(type)?.Value;
        var scopes = (Claim(Claims.Scope) ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var caller = new CallerDescription(Claim(Claims.Subject)!, Claim(Claims.Name), Claim(Claims.Email), Claim(Claims.ClientId), scopes, method);
        return method == OwnToken && scopes.Contains(ServerScopes.McpCall) && await FindAsync(caller.Sub, services, cancellationToken) is { } person
            ? caller with { Name = person.Name, Email = person.Email }
            : caller;
    }

    public override string ToString() => JsonSerializer.Serialize(this, CallerJson.Default.CallerDescription);

    private static async ValueTask<PersonRecord?> FindAsync(string subject, IServiceProvider services, CancellationToken cancellationToken)
    {
        try
        {
            return services.GetService<People>() is { } people ? await people.FindAsync(subject, cancellationToken) : null;
        }
        catch (Exception exception) when (StorageFaults.IsOne(exception))
        {
            return null; // the call goes on without the name
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(CallerDescription))]
internal sealed partial class CallerJson : JsonSerializerContext;
