using System.Security.Claims;
using McpIdentity.Migrations.Entities;
using Microsoft.IdentityModel.JsonWebTokens;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>A code or refresh token in place of OpenIddict's: short, without a signature, and with no row but the grant's.</summary>
internal sealed class WriteGrantTokens(Grants grants, GrantClaims claims, GrantTokens tokens) : IOpenIddictServerHandler<GenerateTokenContext>
{
    public async ValueTask HandleAsync(GenerateTokenContext context)
    {
        if (context.TokenType == TokenTypeIdentifiers.Private.AuthorizationCode)
        {
            var grant = Start(context.Principal, context.ClientId!);
            await grants.StartAsync(grant);
            context.Token = tokens.Write(grant.Id, 0);
        }
        else if (context.TokenType == TokenTypeIdentifiers.RefreshToken)
        {
            var presented = PresentedToken.Find(context.Transaction)
                ?? throw new InvalidOperationException("A refresh token was to be issued for a grant type that spends no token.");
            context.Token = tokens.Write(presented.Grant.Id, presented.Generation + 1);
        }
    }

    private Grant Start(ClaimsPrincipal principal, string clientId) => new()
    {
        Id = Grant.ParseName(principal.GetAuthorizationId())!,
        UserId = principal.GetClaim(Claims.Subject)!,
        ClientId = clientId,
        SessionId = principal.GetClaim(JwtRegisteredClaimNames.Sid)!,
        CreatedAt = principal.GetCreationDate()!.Value,
        RotatedAt = principal.GetCreationDate()!.Value,
        ExpiresAt = principal.GetExpirationDate()!.Value,
        ProtectedClaims = claims.Protect(principal),
    };
}
