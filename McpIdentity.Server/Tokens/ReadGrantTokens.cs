using McpIdentity.Mcp;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Audit;
using McpIdentity.Server.Authorization;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// Turns a code or refresh token back into its claims. One that comes a second time was stolen by one of the two that sent
/// it: its grant ends, access tokens included (RFC 6749 §4.1.2, RFC 9700 §4.14.2).
/// </summary>
internal sealed partial class ReadGrantTokens(Grants grants, GrantClaims claims, GrantTokens tokens, SecurityLog log, IOptions<McpOptions> mcp, ILogger<ReadGrantTokens> logger)
    : IOpenIddictServerHandler<ValidateTokenContext>
{
    public static OpenIddictServerHandlerDescriptor Descriptor { get; } =
        OpenIddictServerHandlerDescriptor.CreateBuilder<ValidateTokenContext>()
            .UseScopedHandler<ReadGrantTokens>()
            .SetOrder(Protection.ValidateIdentityModelToken.Descriptor.Order - 500)
            .Build();

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

        var grant = await grants.FindAsync(id, context.CancellationToken);
        if (grant is null || grant.RevokedAt is not null)
        {
            context.Reject(Errors.InvalidToken, "The grant has ended.");
            return;
        }

        var isSpent = grant.Generation != generation;
        if (isSpent && context.EndpointType == OpenIddictServerEndpointType.Introspection)
        {
            context.Reject(Errors.InvalidToken, "The token has already been used.");
            return;
        }

        if (isSpent && context.EndpointType == OpenIddictServerEndpointType.Token && !grants.MayRepeat(grant, generation))
        {
            await grants.RevokeAsync(id);
            GrantRevoked(GrantTokens.Name(id), generation);
            log.WriteReuse(context, grant, generation);
            context.Reject(Errors.InvalidToken, "The token has already been used.");
            return;
        }

        if (claims.Unprotect(grant.ProtectedClaims, forCode: generation == 0) is not { } principal)
        {
            context.Reject(Errors.InvalidToken, "The grant was protected with an encryption key that is not configured any more.");
            return;
        }

        Administrators.TakeScopeFromOthers(mcp.Value, principal);
        context.Principal = principal.SetTokenType(type)
            .SetCreationDate(grant.RotatedAt)
            .SetExpirationDate(grant.ExpiresAt)
            .SetAuthorizationId(GrantTokens.Name(id));
        context.Transaction.SetProperty(nameof(SpentToken), new SpentToken(grant, generation));
    }

    [LoggerMessage(1201, LogLevel.Warning, "Grant {GrantId} was revoked: its token number {Generation} (0 is the code) was used twice.")]
    private partial void GrantRevoked(string grantId, int generation);
}
