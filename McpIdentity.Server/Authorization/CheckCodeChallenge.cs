using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace McpIdentity.Server.Authorization;

/// <summary>RFC 7636 §4.2: an S256 challenge is 32 bytes, 43 characters of base64url; OpenIddict accepts any text.</summary>
internal sealed class CheckCodeChallenge : IOpenIddictServerHandler<ValidateAuthorizationRequestContext>
{
    public static OpenIddictServerHandlerDescriptor Descriptor { get; } =
        OpenIddictServerHandlerDescriptor.CreateBuilder<ValidateAuthorizationRequestContext>()
            .UseSingletonHandler<CheckCodeChallenge>()
            .SetOrder(Authentication.ValidateProofKeyForCodeExchangeParameters.Descriptor.Order + 500)
            .Build();

    public ValueTask HandleAsync(ValidateAuthorizationRequestContext context)
    {
        if (context.Request.CodeChallenge is { } challenge &&
            !(challenge.Length == 43 && challenge.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')))
        {
            context.Reject(Errors.InvalidRequest, "The code_challenge must be the base64url SHA-256 of the verifier: 43 characters.");
        }

        return default;
    }
}
