using McpIdentity.Mcp.Credentials;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Clients.Assertions;

/// <summary>
/// RFC 7521 §4.2: a request with a client assertion need not name its client. Whoever asks "which client" afterwards (the log,
/// the rules, the limits) finds it in its usual place; that it is true, <see cref="AuthenticateByAssertion"/> says.
/// </summary>
internal sealed class NameClientByAssertion :
    IOpenIddictServerHandler<ValidateTokenRequestContext>,
    IOpenIddictServerHandler<ValidateIntrospectionRequestContext>,
    IOpenIddictServerHandler<ValidateRevocationRequestContext>
{
    private const int MaxClientIdLength = 2048;

    public ValueTask HandleAsync(ValidateTokenRequestContext context) => Name(context.Request);

    public ValueTask HandleAsync(ValidateIntrospectionRequestContext context) => Name(context.Request);

    public ValueTask HandleAsync(ValidateRevocationRequestContext context) => Name(context.Request);

    /// <summary>Whom an assertion claims to be of. Nothing of it is verified: as good as a <c>client_id</c>.</summary>
    public static string? ClaimedBy(string? assertion)
    {
        using var token = string.IsNullOrEmpty(assertion) ? null : UnverifiedToken.TryRead(assertion);
        // Printable ASCII, as every identifier of a client is: what is no such must reach no query.
        return token?.Issuer is { Length: > 0 and <= MaxClientIdLength } issuer && issuer.All(c => c is > ' ' and < (char)0x7f) ? issuer : null;
    }

    private static ValueTask Name(OpenIddictRequest request)
    {
        if (string.IsNullOrEmpty(request.ClientId))
        {
            request.ClientId = ClaimedBy(request.ClientAssertion);
        }

        return default;
    }
}
