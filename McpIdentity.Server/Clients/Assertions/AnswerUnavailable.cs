using System.Globalization;
using Microsoft.AspNetCore;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Clients.Assertions;

/// <summary>
/// That a client's keys cannot be read is nobody's mistake: 503, as for a fault of the storage. RFC 6749 §5.2 has no code for it;
/// that of §4.1.2.1 is what clients try again on.
/// </summary>
internal sealed class AnswerUnavailable :
    IOpenIddictServerHandler<ApplyTokenResponseContext>,
    IOpenIddictServerHandler<ApplyIntrospectionResponseContext>,
    IOpenIddictServerHandler<ApplyRevocationResponseContext>
{
    public ValueTask HandleAsync(ApplyTokenResponseContext context) => Answer(context);

    public ValueTask HandleAsync(ApplyIntrospectionResponseContext context) => Answer(context);

    public ValueTask HandleAsync(ApplyRevocationResponseContext context) => Answer(context);

    private static ValueTask Answer(BaseRequestContext context)
    {
        if (context.Transaction.Response?.Error == Errors.TemporarilyUnavailable && context.Transaction.GetHttpRequest()?.HttpContext.Response is { } response)
        {
            response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            response.Headers.RetryAfter = ClientKeys.PauseOnError.TotalSeconds.ToString(CultureInfo.InvariantCulture);
        }

        return default;
    }
}
