using McpIdentity.Server.Protocol;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Authorization;

/// <summary>Drops scopes of other systems and fills in the default (interop Q23, seed-checklist D-15).</summary>
internal sealed class NormaliseScopes :
    IOpenIddictServerHandler<ValidateAuthorizationRequestContext>,
    IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public static OpenIddictServerHandlerDescriptor ForAuthorization { get; } =
        OpenIddictServerHandlerDescriptor.CreateBuilder<ValidateAuthorizationRequestContext>()
            .UseSingletonHandler<NormaliseScopes>().SetOrder(int.MinValue).Build();

    public static OpenIddictServerHandlerDescriptor ForToken { get; } =
        OpenIddictServerHandlerDescriptor.CreateBuilder<ValidateTokenRequestContext>()
            .UseSingletonHandler<NormaliseScopes>().SetOrder(int.MinValue).Build();

    public ValueTask HandleAsync(ValidateAuthorizationRequestContext context)
    {
        context.Request.Scope = string.Join(' ', ServerScopes.Known(context.Request.GetScopes()));
        return default;
    }

    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        if (context.Request.IsClientCredentialsGrantType())
        {
            context.Request.Scope = string.Join(' ', ServerScopes.Known(context.Request.GetScopes()));
        }
        else if (context.Request.IsRefreshTokenGrantType())
        {
            // RFC 6749 §6: an omitted scope is the granted one. Some clients send it empty, or name scopes of other
            // systems, or offline_access for a refresh token that they hold already (interop Q23).
            var asked = ServerScopes.All.Select(scope => scope.Name).Where(scope => scope != Scopes.OfflineAccess).Intersect(context.Request.GetScopes());
            context.Request.Scope = string.Join(' ', asked) is { Length: > 0 } scope ? scope : null;
        }

        return default;
    }
}
