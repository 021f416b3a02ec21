using McpIdentity.Server.Protocol;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// One issuer string everywhere: <see cref="Uri"/> would print a trailing slash, and clients compare byte by byte
/// (RFC 8414 §3.3, RFC 9207 §2.4). The metadata is written by <c>DescribeServer</c>.
/// </summary>
internal sealed class AttachExactIssuer(PublicAddress address) :
    IOpenIddictServerHandler<ApplyAuthorizationResponseContext>,
    IOpenIddictServerHandler<GenerateTokenContext>,
    IOpenIddictServerHandler<ApplyIntrospectionResponseContext>,
    IOpenIddictServerHandler<ApplyUserInfoResponseContext>
{
    public ValueTask HandleAsync(ApplyAuthorizationResponseContext context)
    {
        if (!string.IsNullOrEmpty(context.RedirectUri))
        {
            context.Response.Iss = address.Issuer;
        }

        return default;
    }

    public ValueTask HandleAsync(GenerateTokenContext context)
    {
        // What OpenIddict writes for itself alone (a pushed authorization request, say) it expects in its own form.
        if (context.TokenType is TokenTypeIdentifiers.AccessToken or TokenTypeIdentifiers.IdentityToken)
        {
            context.SecurityTokenDescriptor.Issuer = address.Issuer;
        }

        return default;
    }

    public ValueTask HandleAsync(ApplyIntrospectionResponseContext context) => Attach(context.Response);

    public ValueTask HandleAsync(ApplyUserInfoResponseContext context) => Attach(context.Response);

    private ValueTask Attach(OpenIddictResponse response)
    {
        if (response.HasParameter(Claims.Issuer))
        {
            response.SetParameter(Claims.Issuer, address.Issuer);
        }

        return default;
    }
}
