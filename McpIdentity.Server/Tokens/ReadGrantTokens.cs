using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Authorization;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// Turns a code or refresh token back into the claims of its grant. Whether it is good is decided when it is spent
/// (<see cref="SpendGrantTokens"/>).
/// </summary>
internal sealed class ReadGrantTokens(Grants grants, GrantClaims claims, GrantTokens tokens, ScopeHolders holders, ProtectedResources resources, Admission admission)
    : IOpenIddictServerHandler<ValidateTokenContext>
{
    public async ValueTask HandleAsync(ValidateTokenContext context)
    {
        if (context.Principal is not null || tokens.Read(context.Token) is not var (id, generation))
        {
            return;
        }

        var type = generation == 0 ? TokenTypeIdentifiers.Private.AuthorizationCode : TokenTypeIdentifiers.RefreshToken;
        if (context.ValidTokenTypes.Count > 0 && !context.ValidTokenTypes.Contains(type))
        {
            context.Reject(Errors.InvalidToken, "The token is of another type.");
            return;
        }

        var grant = context.EndpointType == OpenIddictServerEndpointType.Token
            ? await grants.FindToSpendAsync(id, generation, context.CancellationToken)
            : await grants.FindAsync(id, context.CancellationToken);
        if (grant is null || grant.RevokedAt is not null)
        {
            context.Reject(Errors.InvalidToken, "The grant has ended.");
            return;
        }

        // Elsewhere a spent token still names its grant: to end it (RFC 7009), or to learn at the end of a token request that it
        // was spent, when everything else of that request is known to be right (SpendGrantTokens).
        if (grant.Generation > generation && context.EndpointType == OpenIddictServerEndpointType.Introspection)
        {
            context.Reject(Errors.InvalidToken, "The token has already been used.");
            return;
        }

        if (claims.Unprotect(grant.ProtectedClaims, forCode: generation == 0) is not { } principal)
        {
            context.Reject(Errors.InvalidToken, "The grant was protected with an encryption key that is not configured any more.");
            return;
        }

        // Revoking is for everybody (RFC 7009).
        if (context.EndpointType is OpenIddictServerEndpointType.Token or OpenIddictServerEndpointType.Introspection && !admission.StillAdmits(principal))
        {
            context.Reject(Errors.InvalidToken, "The person may not sign in here any more.");
            return;
        }

        if (principal.GetResources() is [var identifier] && resources.Get(identifier) is { } resource && !await holders.TakeFromOthersAsync(principal, resource, grant.ClientId, context.CancellationToken) &&
            context.EndpointType is OpenIddictServerEndpointType.Token or OpenIddictServerEndpointType.Introspection)
        {
            context.Reject(Errors.InvalidToken, "No scope of it is for this person and this client any more.");
            return;
        }

        context.Principal = principal.SetTokenType(type)
            .SetCreationDate(grant.RotatedAt)
            .SetExpirationDate(grant.ExpiresAt)
            .SetAuthorizationId(Grant.NameOf(id));
        new PresentedToken(grant, generation).AttachTo(context.Transaction);
        // Whatever becomes of the request, the log says whose token came.
        context.Transaction.GetHttpRequest()?.HttpContext.Features.Set(new RequestFacts { ClientId = grant.ClientId, Subject = grant.UserId, SessionId = grant.SessionId, GrantId = Grant.NameOf(id) });
    }
}
