using Microsoft.AspNetCore;
using Microsoft.Net.Http.Headers;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// RFC 6749 §5.2: a client that authenticated by the Authorization header is challenged by one. For others the error stands in
/// the body alone: strict libraries read no body where there is a challenge, and would not learn of <c>invalid_client</c>.
/// </summary>
internal sealed class ChallengeInKind :
    IOpenIddictServerHandler<ApplyTokenResponseContext>, IOpenIddictServerHandler<ApplyIntrospectionResponseContext>, IOpenIddictServerHandler<ApplyRevocationResponseContext>
{
    public ValueTask HandleAsync(ApplyTokenResponseContext context) => Handle(context);

    public ValueTask HandleAsync(ApplyIntrospectionResponseContext context) => Handle(context);

    public ValueTask HandleAsync(ApplyRevocationResponseContext context) => Handle(context);

    private static ValueTask Handle(BaseContext context)
    {
        if (context.Transaction.GetHttpRequest() is { } request && !request.Headers.ContainsKey(HeaderNames.Authorization))
        {
            request.HttpContext.Response.Headers.Remove(HeaderNames.WWWAuthenticate);
        }

        return default;
    }
}
