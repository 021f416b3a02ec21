using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// Drops scopes that the resource does not have, or refuses them (<c>OAuth:StrictScopes</c>), and fills in its default
/// (docs/scopes.md; docs/interoperability.md, "Scopes of other systems"; B-13). What a refresh may ask for says
/// <c>RefuseWiderScope</c>, where its grant is known.
/// </summary>
internal sealed class NormaliseScopes(ProtectedResources resources, IOptions<OAuthServerOptions> options) :
    IOpenIddictServerHandler<ValidateAuthorizationRequestContext>,
    IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(ValidateAuthorizationRequestContext context) => Normalise(context, context.Request, context.Request.GetScopes());

    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        var request = context.Request;
        if (request.IsClientCredentialsGrantType())
        {
            // A client that registered itself administers nothing, whatever it asks for; and there is no person to know or to stay connected to.
            return Normalise(context, request, request.GetScopes().Except([ServerScopes.McpAdmin, .. ServerScopes.OfPeople.Select(scope => scope.Name)]));
        }

        return default;
    }

    private ValueTask Normalise(BaseValidatingContext context, OpenIddictRequest request, IEnumerable<string> asked)
    {
        var resource = resources.Get(request.GetResources().Single()) ?? throw new InvalidOperationException("NormaliseResources lets no other resource through.");
        if (options.Value.StrictScopes && resource.UnknownOf(asked).Any())
        {
            context.Reject(Errors.InvalidScope, resource.Unknown); // RFC 6749 §4.1.2.1, §5.2
        }
        else
        {
            request.Scope = string.Join(' ', resource.ScopesFor(asked));
        }

        return default;
    }
}
