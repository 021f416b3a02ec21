using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Audit;

/// <summary>
/// What of the authorization server goes into the security log. It listens where all ways come together: the cookie that
/// every sign-in sets, the error that every refusal is, the tokens that every grant ends in.
/// </summary>
internal static class AuditSetup
{
    public static void AddAudit(this WebApplicationBuilder builder)
    {
        builder.Services.AddScoped<AuditSearch>();
        builder.Services.AddSingleton<AuditSeal>();
        builder.Services.AddSingleton<AuditChains>();
        builder.Services.AddSingleton<AuditStore>();
        builder.Services.AddSingleton<AuditTrail>();
        builder.Services.AddSingleton<ISecurityEventListener>(services => services.GetRequiredService<AuditTrail>());
        builder.Services.AddHostedService(services => services.GetRequiredService<AuditTrail>());
        builder.Services.AddSingleton<IValidateOptions<AuditOptions>, AuditOptionsRules>();
        builder.Services.AddScoped<AuditPruning>();
        SilentCategories.Silence(builder.Services);
        CleanLoggerFactory.Register(builder.Services, "");
        builder.Services.AddOptions<CookieAuthenticationOptions>(SessionsSetup.Scheme).PostConfigure<SecurityLog>((cookie, log) =>
        {
            var (signedIn, signingOut) = (cookie.Events.OnSignedIn, cookie.Events.OnSigningOut);
            cookie.Events.OnSignedIn = context =>
            {
                log.Write(context.HttpContext, SecurityEvent.Success("login_success") with
                {
                    Reason = $"signed in with {context.Properties.GetString(SessionCookie.ProviderClaim)}",
                    AuthMethod = context.Properties.GetString(SessionCookie.ProviderClaim),
                    Subject = context.Principal?.FindFirst(Claims.Subject)?.Value,
                    SessionId = context.Properties.GetString(JwtRegisteredClaimNames.Sid),
                });
                return signedIn(context);
            };
            cookie.Events.OnSigningOut = async context =>
            {
                var person = (await context.HttpContext.AuthenticateAsync(SessionsSetup.Scheme)).Principal;
                log.Write(context.HttpContext, SecurityEvent.Success("session_ended") with
                {
                    Reason = "signed out",
                    Subject = person?.FindFirst(Claims.Subject)?.Value,
                    SessionId = person?.FindFirst(JwtRegisteredClaimNames.Sid)?.Value,
                });
                await signingOut(context);
            };
        });
    }

    /// <summary>Failed sign-ins: whatever provider refused, a page of ours says so.</summary>
    public static void UseSignInAudit(this WebApplication app)
    {
        var log = app.Services.GetRequiredService<SecurityLog>();
        app.UseWhen(context => context.GetAddress()?.IsSignIn(context.Request.Method) == true, signIn => signIn.Use(async (context, next) =>
        {
            await next(context);
            // One request too many has a line of its own, and only the first of a window has.
            if (context.Response.StatusCode is >= 400 and < 500 and not (StatusCodes.Status404NotFound or StatusCodes.Status429TooManyRequests))
            {
                var error = context.Features.Get<PersonError>();
                log.Write(context, SecurityEvent.Failure("login_failure", error?.Code ?? "not recognised") with
                {
                    AuthMethod = error?.Provider,
                    Got = error?.Account,
                    Expected = error is null ? null : FormattableString.Invariant(error.WhatHappened),
                });
            }
        }));
    }
}
