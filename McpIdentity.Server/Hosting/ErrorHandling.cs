using McpIdentity.Server.Authorization;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using Microsoft.AspNetCore.Diagnostics;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Hosting;

/// <summary>The last resort: JSON for programs, a page for people, the exception for the log alone.</summary>
internal static class ErrorHandling
{
    public static void UseErrorHandling(this WebApplication app)
    {
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            ExceptionHandler = AnswerAsync,
            // The log line carries the trace id that the answer names.
            SuppressDiagnosticsCallback = context => context.Exception is BadHttpRequestException or SessionStorageException,
        });
        app.UseWhen(context => IsForPeople(context.Request.Path), people => people.UseStatusCodePagesWithReExecute("/error"));
    }

    private static async Task AnswerAsync(HttpContext context)
    {
        var feature = context.Features.Get<IExceptionHandlerFeature>();
        if (feature?.Error is BadHttpRequestException error)
        {
            await RequestBodies.Refuse(error, Errors.InvalidRequest).ExecuteAsync(context);
        }
        else if (feature?.Error is SessionStorageException away)
        {
            await UnavailableAsync(context, away);
        }
        else
        {
            await new OAuthError(Errors.ServerError, $"An unexpected error occurred. Reference: {ReferenceId.Of(context)}")
            {
                StatusCode = StatusCodes.Status500InternalServerError,
            }.ExecuteAsync(context);
        }
    }

    // The page is written out: whatever a Razor page would ask again of the storage would fail again.
    private static Task UnavailableAsync(HttpContext context, SessionStorageException away)
    {
        context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ErrorHandling)).LogError(
            away, "{Message} The request was answered 503.", away.Message);
        context.Response.Headers.RetryAfter = "5";
        return IsForPeople(context.Request.Path)
            ? UnavailablePage.WriteAsync(context)
            : new OAuthError(Errors.TemporarilyUnavailable, "A storage that this server needs is out of reach. Try again in a few seconds.")
            {
                StatusCode = StatusCodes.Status503ServiceUnavailable,
            }.ExecuteAsync(context);
    }

    /// <summary>Whether a person's browser is at this address, and an error is a page.</summary>
    public static bool IsForPeople(PathString path) =>
        path == AuthorizeEndpoint.Path || path == "/signin" || path == "/login" || path == "/consent" || path == SignOutModel.Path || path == "/oauth/callback";
}
