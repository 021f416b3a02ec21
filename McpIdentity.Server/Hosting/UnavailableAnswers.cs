using McpIdentity.Server.Pages;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Protocol;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Hosting;

/// <summary>
/// What a caller hears of a fault of the storage (<see cref="StorageFaults"/>): 503 with <c>Retry-After</c> (RFC 9110 §15.6.4),
/// and one line in the log says what it was.
/// </summary>
internal static partial class UnavailableAnswers
{
    // A restart is over in about a second, and a refresh that comes too early is as cheap as any other refusal.
    private const string RetryAfterSeconds = "2";

    public static OAuthError Answer(HttpContext context, Exception exception)
    {
        Prepare(context, exception);
        return new OAuthError(Errors.TemporarilyUnavailable, $"The server cannot reach what it stores its data in. Try again shortly. Reference: {ReferenceId.For(context)}")
        {
            StatusCode = StatusCodes.Status503ServiceUnavailable,
        };
    }

    /// <summary>
    /// For people a page: the status alone, which <c>UseStatusCodePagesWithReExecute</c> further out turns into one.
    /// </summary>
    public static async Task ShowPageAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context);
        }
        catch (Exception exception) when (!context.Response.HasStarted && StorageFaults.IsOne(exception))
        {
            context.Response.Clear();
            Prepare(context, exception);
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            context.Features.Set(PersonError.Unavailable);
            // The page must not look for the session again: it would run into the same fault.
            context.Request.Headers.Cookie = default;
        }
    }

    private static void Prepare(HttpContext context, Exception exception)
    {
        context.Response.Headers.RetryAfter = RetryAfterSeconds;
        var root = exception.GetBaseException();
        // The type and the message; both speak of addresses and error codes, never of values (Npgsql keeps those for "Detail").
        Unavailable(context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(UnavailableAnswers)),
            context.Request.Path, root.GetType().Name, root.Message.ReplaceLineEndings(" "), ReferenceId.For(context));
        ReferenceId.IsInLog(context);
    }

    [LoggerMessage(1401, LogLevel.Warning, "{Path} was answered 503: {Kind}: {Problem} Reference: {Reference}")]
    private static partial void Unavailable(ILogger logger, string path, string kind, string problem, string reference);
}
