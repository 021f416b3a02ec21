using McpIdentity.Mcp.Credentials;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// Grants and the tokens that follow from them: what a code or refresh token looks like, that each is spent once, what an
/// answer of the token endpoint holds, and who may introspect, revoke and read userinfo.
/// </summary>
internal static class TokensSetup
{
    public static void AddTokens(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<IValidateOptions<OAuthServerOptions>, LifetimeRules>();
        builder.Services.AddSingleton<GrantTokens>();
        builder.Services.AddSingleton<GrantClaims>();
        builder.Services.AddSingleton<Grants>();
        builder.Services.AddSingleton<VerifiedTokens<SignedToken>>();
    }
}
