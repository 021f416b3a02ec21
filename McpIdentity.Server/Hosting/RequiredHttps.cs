using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Hosting;

/// <summary>
/// Codes, tokens and cookies do not travel over plain http (SEED-076): a request that neither Kestrel nor a trusted proxy
/// received over https is refused. No redirect: the secret would have been sent already.
/// </summary>
internal static class RequiredHttps
{
    private const string Why = "This server is used over https only. If a reverse proxy ends TLS before it, the operator sets TRUST_PROXY=true.";

    public static void UseRequiredHttps(this WebApplication app)
    {
        if (app.Services.GetRequiredService<IOptions<ServerOptions>>().Value.RequireHttps != true)
        {
            return;
        }

        app.Use((context, next) =>
        {
            if (context.Request.IsHttps)
            {
                context.Response.Headers.StrictTransportSecurity = "max-age=31536000";
                return next(context);
            }

            if (context.GetAddress() is not { AllowsHttp: false })
            {
                return next(context);
            }

            if (!context.IsForPeople())
            {
                return new OAuthError(Errors.InvalidRequest, Why).ExecuteAsync(context);
            }

            context.Features.Set(PersonError.BadRequest(Errors.InvalidRequest, Why));
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            return Task.CompletedTask;
        });
    }
}
