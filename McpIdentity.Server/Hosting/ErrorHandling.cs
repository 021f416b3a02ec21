using McpIdentity.Server.Pages;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Diagnostics;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Hosting;

/// <summary>The last resort: JSON for programs, a page for people, the exception for the log alone.</summary>
internal static partial class ErrorHandling
{
    public static void UseErrorHandling(this WebApplication app)
    {
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            ExceptionHandler = AnswerAsync,
            // What is logged here has the reference that the answer names.
            SuppressDiagnosticsCallback = _ => true,
        });
    }

    /// <summary>After routing, which says whether a person is at the address.</summary>
    public static void UseErrorPages(this WebApplication app)
    {
        // A status without a body becomes a page, in a scope of its own: what failed in the request's must not fail the page as well.
        app.UseStatusCodePagesWithReExecute(Paths.Error, createScopeForStatusCodePages: true);
        app.Use((context, next) =>
        {
            if (context.Features.Get<IStatusCodeReExecuteFeature>() is not null && !HttpMethods.IsHead(context.Request.Method))
            {
                context.Request.Method = HttpMethods.Get; // as which the page is drawn, whatever was asked; the form is not read again
            }

            if (context.IsForPeople())
            {
                return ShowPageAsync(context, () => UnavailableAnswers.ShowPageAsync(context, next));
            }

            context.Features.Get<IStatusCodePagesFeature>()!.Enabled = false;
            return next(context);
        });
    }

    private static async Task AnswerAsync(HttpContext context)
    {
        var feature = context.Features.Get<IExceptionHandlerFeature>();
        if (feature?.Error is BadHttpRequestException error)
        {
            await RequestBodies.Refuse(error, Errors.InvalidRequest).ExecuteAsync(context);
        }
        else if (StorageFaults.IsOne(feature?.Error))
        {
            await UnavailableAnswers.Answer(context, feature!.Error).ExecuteAsync(context);
        }
        else
        {
            Unexpected(LoggerOf(context), feature?.Error, context.Request.Path, ReferenceId.For(context));
            await new OAuthError(Errors.ServerError, $"An unexpected error occurred. Reference: {ReferenceId.For(context)}")
            {
                StatusCode = StatusCodes.Status500InternalServerError,
            }.ExecuteAsync(context);
        }
    }

    // The status alone, which UseStatusCodePagesWithReExecute turns into a page.
    private static async Task ShowPageAsync(HttpContext context, Func<Task> next)
    {
        try
        {
            await next();
        }
        catch (Exception exception) when (!context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested && exception is not BadHttpRequestException)
        {
            Unexpected(LoggerOf(context), exception, context.Request.Path, ReferenceId.For(context));
            ReferenceId.IsInLog(context);
            context.Response.Clear();
            context.Response.StatusCode = StatusCodes.Status500InternalServerError;
            context.Features.Set(PersonError.Unexpected);
            // The page must not look for the session: that may be what failed.
            context.Request.Headers.Cookie = default;
        }
    }

    private static ILogger LoggerOf(HttpContext context) =>
        context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ErrorHandling));

    [LoggerMessage(1410, LogLevel.Error, "{Path} failed. Reference: {Reference}")]
    private static partial void Unexpected(ILogger logger, Exception? exception, string path, string reference);
}
