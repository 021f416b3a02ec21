using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace McpIdentity.Server.Tokens;

/// <summary>An access token of an ended grant is refused at userinfo and introspection, as it is at the MCP endpoint.</summary>
internal sealed class RefuseRevokedGrants(RevokedGrants revoked) : IOpenIddictServerHandler<ValidateTokenContext>
{
    public static OpenIddictServerHandlerDescriptor Descriptor { get; } =
        OpenIddictServerHandlerDescriptor.CreateBuilder<ValidateTokenContext>()
            .UseSingletonHandler<RefuseRevokedGrants>()
            .SetOrder(Protection.ValidateTokenEntry.Descriptor.Order + 250)
            .Build();

    public ValueTask HandleAsync(ValidateTokenContext context)
    {
        if (revoked.Contains(context.Principal?.GetAuthorizationId()) || revoked.Contains(context.Principal?.GetClaim("sid")))
        {
            context.Reject(Errors.InvalidToken, "Session not found");
        }

        return default;
    }
}
