using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// RFC 7009 §2.1: revoking a refresh token also ends the access tokens of its grant. Revoking an access token ends the
/// grant too: it has no row of its own, and a client that gives one up has no use for the rest.
/// </summary>
internal sealed class RevokeWholeGrant(Grants grants) : IOpenIddictServerHandler<HandleRevocationRequestContext>
{
    public static OpenIddictServerHandlerDescriptor Descriptor { get; } =
        OpenIddictServerHandlerDescriptor.CreateBuilder<HandleRevocationRequestContext>()
            .UseScopedHandler<RevokeWholeGrant>()
            .SetOrder(Revocation.AttachPrincipal.Descriptor.Order + 500)
            .Build();

    public async ValueTask HandleAsync(HandleRevocationRequestContext context)
    {
        // A client credentials token belongs to no grant: it lives out its hour.
        if (GrantTokens.ParseName(context.GenericTokenPrincipal?.GetAuthorizationId()) is { } grantId)
        {
            await grants.RevokeAsync(grantId);
        }
    }
}
