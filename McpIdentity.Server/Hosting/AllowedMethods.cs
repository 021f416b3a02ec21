using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Hosting;

/// <summary>
/// 405 with <c>Allow</c> for a method that an address does not take (RFC 9110 §15.5.6), before anything behind reads the
/// request. A method is as it is written: <c>get</c> is none (§9.1).
/// </summary>
internal static class AllowedMethods
{
    public static void UseAllowedMethods(this WebApplication app) => app.Use((context, next) =>
    {
        if (context.GetAddress() is not { } address || address.Takes(context.Request.Method))
        {
            if (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method))
            {
                // Content of a GET has no meaning (§9.3.1), and pages would read it as a form.
                context.Request.Headers.ContentType = default;
            }

            return next(context);
        }

        context.Response.Headers.Allow = address.Allow;
        if (!context.IsForPeople())
        {
            return new OAuthError(Errors.InvalidRequest, $"This address takes {address.Allow}.") { StatusCode = StatusCodes.Status405MethodNotAllowed }.ExecuteAsync(context);
        }

        context.Features.Set(PersonError.BadRequest(Errors.InvalidRequest, $"This page takes {address.Allow}."));
        context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
        return Task.CompletedTask;
    });
}
