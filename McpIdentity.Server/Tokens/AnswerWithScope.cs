using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// RFC 6749 §5.1: the granted scope is returned wherever it differs from the requested one. We change requests before
/// OpenIddict compares, so it is returned always.
/// </summary>
internal sealed class AnswerWithScope : IOpenIddictServerHandler<ProcessSignInContext>
{
    public ValueTask HandleAsync(ProcessSignInContext context)
    {
        if (context.AccessTokenPrincipal is { } token && context.EndpointType == OpenIddictServerEndpointType.Token)
        {
            context.Response.Scope = string.Join(' ', token.GetScopes());
        }

        return default;
    }
}
