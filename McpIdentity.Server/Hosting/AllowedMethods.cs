using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Hosting;

/// <summary>405 with <c>Allow</c> for a method that an address does not take (RFC 9110 §15.5.6), before anything behind reads the request.</summary>
internal static class AllowedMethods
{
    public static void UseAllowedMethods(this WebApplication app) => app.Use((context, next) =>
    {
        if (context.GetAddress() is not { } address || address.Takes(context.Request.Method))
        {
            return next(context);
        }

        context.Response.Headers.Allow = address.Allow;
        if (address.Reader != Reader.People)
        {
            return new OAuthError(Errors.InvalidRequest, $"This address takes {address.Allow}.") { StatusCode = StatusCodes.Status405MethodNotAllowed }.ExecuteAsync(context);
        }

        context.Request.Method = HttpMethods.Get; // as which the error page is drawn
        context.Features.Set(PersonError.BadRequest(Errors.InvalidRequest, $"This page takes {address.Allow}."));
        context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
        return Task.CompletedTask;
    });
}
