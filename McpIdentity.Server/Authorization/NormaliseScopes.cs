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
internal sealed class NormaliseScopes(ProtectedResources resources, ScopeHolders holders, IOptions<OAuthServerOptions> options) :
    IOpenIddictServerHandler<ValidateAuthorizationRequestContext>,
    IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(ValidateAuthorizationRequestContext context) => Normalise(context, context.Request, context.Request.GetScopes(), _ => []);

    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        var request = context.Request;
        if (request.IsClientCredentialsGrantType())
        {
            // There is no person to know or to stay connected to.
            return Normalise(context, request, request.GetScopes().Except(ServerScopes.OfPeople.Select(scope => scope.Name)), resource => holders.WithheldFromService(resource, context.ClientId));
        }

        return default;
    }

    // Where a client speaks for itself, who may have what is known already; a person decides later (AuthorizeEndpoint).
    private ValueTask Normalise(BaseValidatingContext context, OpenIddictRequest request, IEnumerable<string> asked, Func<ProtectedResource, IEnumerable<string>> withheld)
    {
        var resource = resources.Get(request.GetResources().Single()) ?? throw new InvalidOperationException("NormaliseResources lets no other resource through.");
        if (options.Value.StrictScopes && resource.UnknownOf(asked).Any())
        {
            context.Reject(Errors.InvalidScope, resource.Unknown); // RFC 6749 §4.1.2.1, §5.2
        }
        else if (resource.ScopesFor(asked, withheld(resource)) is var scopes && resource.Opens(scopes))
        {
            request.Scope = string.Join(' ', scopes);
        }
        else
        {
            context.Reject(Errors.InvalidScope, $"No scope of {resource.Identifier} is for this client."); // RFC 6749 §5.2
        }

        return default;
    }
}
