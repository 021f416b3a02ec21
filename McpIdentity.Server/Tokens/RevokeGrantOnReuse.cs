using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// RFC 9700 §4.14.2 and RFC 6749 §4.1.2: a code or refresh token that comes a second time has been stolen by one of the
/// two that sent it. OpenIddict revokes the refresh tokens; this ends the grant, access tokens included.
/// </summary>
internal sealed partial class RevokeGrantOnReuse(
    IOpenIddictTokenManager tokens, IOpenIddictAuthorizationManager authorizations, RevokedGrants revoked, ILogger<RevokeGrantOnReuse> logger)
    : IOpenIddictServerHandler<ValidateTokenContext>
{
    public static OpenIddictServerHandlerDescriptor Descriptor { get; } =
        OpenIddictServerHandlerDescriptor.CreateBuilder<ValidateTokenContext>()
            .UseScopedHandler<RevokeGrantOnReuse>()
            .SetOrder(Protection.ValidateTokenEntry.Descriptor.Order - 500)
            .Build();

    public async ValueTask HandleAsync(ValidateTokenContext context)
    {
        if (context is not { TokenId: { } tokenId, AuthorizationId: { } grantId } ||
            await tokens.FindByIdAsync(tokenId, context.CancellationToken) is not { } token ||
            !await tokens.HasStatusAsync(token, Statuses.Redeemed, context.CancellationToken))
        {
            return;
        }

        await revoked.RevokeAsync(grantId, tokens, authorizations, context.CancellationToken);
        GrantRevoked(grantId, context.Principal?.GetTokenType());
    }

    [LoggerMessage(1201, LogLevel.Warning, "Grant {GrantId} was revoked: a {TokenType} was used twice.")]
    private partial void GrantRevoked(string grantId, string? tokenType);
}
