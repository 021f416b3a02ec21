namespace McpIdentity.Server.Protocol;

/// <summary>404 with JSON for a program; for a browser the status alone, which becomes a page. A cache keeps the two apart (RFC 9110 §12.5.5).</summary>
internal sealed class UnknownAddress : IResult
{
    public static readonly UnknownAddress Answer = new();

    private static readonly OAuthError NotFound = OAuthError.NotFound("There is nothing at this address.");

    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.Headers.Vary = "Accept";
        if (!httpContext.IsForPeople())
        {
            return NotFound.ExecuteAsync(httpContext);
        }

        httpContext.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }
}

internal static class UnknownAddressSetup
{
    /// <summary>What routing does not know goes no further: nothing behind reads a path in another way and answers it after all.</summary>
    public static void UseUnknownAddresses(this WebApplication app) =>
        app.Use((context, next) => context.GetEndpoint() is null ? UnknownAddress.Answer.ExecuteAsync(context) : next(context));
}
