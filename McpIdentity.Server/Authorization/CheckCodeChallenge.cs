using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// RFC 7636 §4.2: an S256 challenge is 32 bytes, 43 characters of base64url; OpenIddict accepts any text. §4.1: a verifier has
/// 43 to 128 unreserved characters, because a shorter one could be guessed from its challenge.
/// </summary>
internal sealed class CheckCodeChallenge : IOpenIddictServerHandler<ValidateAuthorizationRequestContext>, IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(ValidateAuthorizationRequestContext context)
    {
        if (context.Request.CodeChallenge is { } challenge &&
            !(challenge.Length == 43 && challenge.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')))
        {
            context.Reject(Errors.InvalidRequest, "The code_challenge must be the base64url SHA-256 of the verifier: 43 characters.");
        }

        return default;
    }

    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        if (context.Request.CodeVerifier is { Length: > 0 } verifier &&
            !(verifier.Length is >= 43 and <= 128 && verifier.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_' or '~')))
        {
            context.Reject(Errors.InvalidRequest, "The code_verifier must be 43 to 128 unreserved characters.");
        }

        return default;
    }
}
