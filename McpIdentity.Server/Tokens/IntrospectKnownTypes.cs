using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// RFC 7662 §2.2: whatever a caller may not learn about is <c>active: false</c>, a code and an identity token like any other
/// text. OpenIddict tells them apart by an error that the RFC does not have.
/// </summary>
internal sealed class IntrospectKnownTypes : IOpenIddictServerHandler<ValidateIntrospectionRequestContext>
{
    public ValueTask HandleAsync(ValidateIntrospectionRequestContext context)
    {
        if (context.GenericTokenPrincipal is not { } token ||
            !(token.HasTokenType(TokenTypeIdentifiers.AccessToken) || token.HasTokenType(TokenTypeIdentifiers.RefreshToken)))
        {
            context.Reject(Errors.InvalidToken, "Access tokens and refresh tokens can be introspected.");
        }

        return default;
    }
}
