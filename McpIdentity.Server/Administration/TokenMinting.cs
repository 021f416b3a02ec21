using McpIdentity.Mcp;
using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Administration;

/// <summary>A token to test with, as somebody asks for it.</summary>
/// <param name="Kind"><c>oauth</c>: an access token of this server; <c>jwt</c>: signed with <c>Jwt:Secret</c>; null: what the MCP endpoint accepts.</param>
/// <param name="Lifetime">As <c>5m</c>; null: an hour, or <c>OAuth:AccessTokenLifetime</c> where that is shorter.</param>
/// <param name="IKnow">That it is made outside Development too: whoever has it is let in.</param>
internal sealed record MintRequest(string? Kind, string Subject, string? Email, string Client, IReadOnlyList<string> Scopes, string? Audience, string? Lifetime, bool IKnow);

/// <summary>A token that was made, shown this once.</summary>
internal sealed record MintedToken(string Token, string Kind, TimeSpan Lifetime);

/// <summary>Makes tokens to test with, where that is wanted.</summary>
internal sealed class TokenMinting(
    IServiceProvider services, IHostEnvironment environment, ServerSettings settings, IOptions<McpOptions> mcp, IOptions<OAuthServerOptions> oauth, IOptions<ExternalJwtOptions> jwt, ProtectedResources resources, OperatorRecord record)
{
    /// <summary>An access token of this server.</summary>
    public const string OAuth = "oauth";

    private const string Jwt = "jwt";

    /// <summary>Which kind is meant.</summary>
    public string KindOf(MintRequest request) => request.Kind ?? (mcp.Value.Auth.AuthType == McpAuthType.Jwt ? Jwt : OAuth);

    /// <summary>Why it is not made; null: it is.</summary>
    public AdminProblem? Check(MintRequest request)
    {
        var kind = KindOf(request);
        return !environment.IsDevelopment() && !request.IKnow ? AdminProblem.Conflict("not_in_development", $"Tokens are minted in Development; this is {environment.EnvironmentName}. With i-know it is done all the same.")
            : kind is not (Jwt or OAuth) ? AdminProblem.Invalid(("kind", "It is oauth or jwt."))
            : request.Audience is { } audience && resources.Admin is { } admin && resources.Find(audience) == admin ? AdminProblem.Invalid(("resource", "No token for the admin API is minted: whoever may mint would be anybody."))
            : request.Subject.Length == 0 ? AdminProblem.Invalid(("sub", "It must say whose the token is."))
            : LifetimeOf(request) is null ? AdminProblem.Invalid(("ttl", $"It must be a time such as 90s, 5m or 1h, and at most {(kind == Jwt ? "24h" : $"OAuth:AccessTokenLifetime ({LongestOf(kind)})")}."))
            : kind == Jwt && string.IsNullOrEmpty(jwt.Value.Secret) ? AdminProblem.Conflict("no_jwt_secret", "Jwt:Secret (JWT_SECRET) is not set: there is nothing to sign a JWT with.")
            : kind == OAuth && !settings.OAuth.Enabled ? AdminProblem.Conflict("oauth_is_off", "OAuth:Enabled is false: this server signs no access tokens.")
            : null;
    }

    /// <summary>Makes one. It belongs to no session and no grant: it ends by its time, by its <c>jti</c>, or with its key.</summary>
    public async Task<Outcome<MintedToken>> MintAsync(Operator by, MintRequest request)
    {
        if (Check(request) is { } problem)
        {
            return problem;
        }

        var (kind, lifetime) = (KindOf(request), LifetimeOf(request)!.Value);
        var order = new TokenOrder(request.Subject, request.Email, request.Client, [.. request.Scopes], request.Audience, lifetime);
        var token = kind == Jwt ? TokenMint.Jwt(services, order) : TokenMint.AccessToken(services, order);
        // Before anybody has it.
        await record.WriteAsync(by, SecurityEvent.Success("token_minted") with { Subject = order.Subject, ClientId = order.Client, Scope = string.Join(' ', order.Scopes), AuthMethod = kind });
        return new MintedToken(token, kind, lifetime);
    }

    private TimeSpan? LifetimeOf(MintRequest request) => TokenMint.ParseLifetime(request.Lifetime, LongestOf(KindOf(request)));

    private TimeSpan LongestOf(string kind) => kind == Jwt ? TimeSpan.FromDays(1) : oauth.Value.AccessTokenLifetime;
}
