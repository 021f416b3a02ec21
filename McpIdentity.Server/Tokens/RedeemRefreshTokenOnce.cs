using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace McpIdentity.Server.Tokens;

/// <summary>Of several refreshes with one token only one succeeds: OpenIddict goes on when another request redeemed it first.</summary>
internal sealed class RedeemRefreshTokenOnce(IOpenIddictTokenManager tokens) : IOpenIddictServerHandler<ProcessSignInContext>
{
    public static OpenIddictServerHandlerDescriptor Descriptor { get; } =
        OpenIddictServerHandlerDescriptor.CreateBuilder<ProcessSignInContext>()
            .UseScopedHandler<RedeemRefreshTokenOnce>()
            .SetOrder(RedeemTokenEntry.Descriptor.Order - 500)
            .Build();

    public async ValueTask HandleAsync(ProcessSignInContext context)
    {
        if (context.EndpointType != OpenIddictServerEndpointType.Token || !context.Request.IsRefreshTokenGrantType())
        {
            return;
        }

        var authentication = context.Transaction.GetProperty<ProcessAuthenticationContext>(typeof(ProcessAuthenticationContext).FullName!);
        var id = authentication?.RefreshTokenPrincipal?.GetTokenId();
        var token = id is null ? null : await tokens.FindByIdAsync(id, context.CancellationToken);
        if (token is null || !await tokens.TryRedeemAsync(token, context.CancellationToken))
        {
            context.Reject(Errors.InvalidGrant, "The refresh token has already been used.");
        }
    }
}
