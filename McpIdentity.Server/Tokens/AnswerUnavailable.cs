using System.Globalization;
using Microsoft.AspNetCore;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// What we cannot tell at the moment is status 503 with Retry-After, and not the 400 of a request that is wrong: a client that
/// is told to come back keeps what it has.
/// </summary>
internal sealed class AnswerUnavailable :
    IOpenIddictServerHandler<ApplyTokenResponseContext>,
    IOpenIddictServerHandler<ApplyIntrospectionResponseContext>,
    IOpenIddictServerHandler<ApplyRevocationResponseContext>
{
    private const int Seconds = 30;

    public ValueTask HandleAsync(ApplyTokenResponseContext context) => Answer(context.Transaction);

    public ValueTask HandleAsync(ApplyIntrospectionResponseContext context) => Answer(context.Transaction);

    public ValueTask HandleAsync(ApplyRevocationResponseContext context) => Answer(context.Transaction);

    private static ValueTask Answer(OpenIddictServerTransaction transaction)
    {
        if (transaction.Response?.Error == Errors.TemporarilyUnavailable && transaction.GetHttpRequest()?.HttpContext.Response is { } response)
        {
            response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            response.Headers.RetryAfter = Seconds.ToString(CultureInfo.InvariantCulture);
        }

        return default;
    }
}
