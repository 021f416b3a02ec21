using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Support;

/// <summary>A tiny server with the pages' contract: sign-in, consent, an interstitial after each form. The helpers are tried on it.</summary>
internal sealed class ConsentPages : IAsyncDisposable
{
    private const string Token = "token & \"quotes\"";

    private readonly WebApplication _app;

    private ConsentPages(WebApplication app, string origin) => (_app, Origin) = (app, origin);

    public string Origin { get; }

    /// <param name="answersForms">What a submitted form is answered with, given where the browser shall go next.</param>
    public static async Task<ConsentPages> StartAsync(Func<string, IResult> answersForms)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var origin = $"http://localhost:{Ports.Next()}";
        app.Urls.Add(origin);
        app.Use(async (context, next) =>
        {
            context.Response.Headers.ContentSecurityPolicy = "default-src 'none'; form-action 'self'; base-uri 'none'";
            await next(context);
        });
        app.MapGet("/favicon.ico", () => Results.NoContent());
        app.MapGet("/authorize", (HttpContext context, string redirect_uri) =>
        {
            var resume = Uri.EscapeDataString(context.Request.Path + context.Request.QueryString);
            return (context.Request.Cookies["user"], context.Request.Cookies["decision"]) switch
            {
                (null, _) => Results.Redirect($"/signin?request={resume}"),
                (_, null) => Results.Redirect($"/consent?request={resume}"),
                (var user, "allow") => Results.Redirect($"{redirect_uri}?code={user}&state=s&iss={Uri.EscapeDataString(origin)}"),
                _ => Results.Redirect($"{redirect_uri}?error=access_denied&state=s"),
            };
        });
        app.MapGet("/signin", (string request) => Page($"""
            <form method="post" action="/signin">{Hidden(request)}
            <label>Name <input name="username"></label><input type="checkbox" name="remember" checked><button>Sign in</button></form>
            """));
        app.MapPost("/signin", async (HttpContext context) =>
        {
            var form = await context.Request.ReadFormAsync();
            return form["token"] == Token && form["remember"] == "on" ? Keep(context, "user", form["username"]!, form["request"]!) : Results.BadRequest();
        });
        app.MapGet("/consent", (string request) => Page($"""
            <form method="post">{Hidden(request)}
            <button name="decision" value="deny">Deny</button><button name="decision" value="allow">Allow</button></form>
            """));
        app.MapPost("/consent", async (HttpContext context) =>
        {
            var form = await context.Request.ReadFormAsync();
            return Keep(context, "decision", form["decision"]!, form["request"]!);
        });
        await app.StartAsync();
        return new ConsentPages(app, origin);

        IResult Keep(HttpContext context, string name, string value, string next)
        {
            context.Response.Cookies.Append(name, value, new CookieOptions { HttpOnly = true });
            return answersForms(next);
        }
    }

    public string AuthorizeUrl(string redirectUri) => $"{Origin}/authorize?redirect_uri={Uri.EscapeDataString(redirectUri)}";

    public static IResult Interstitial(string next) =>
        Page($"""<meta http-equiv="refresh" content="0;url={System.Net.WebUtility.HtmlEncode(next)}"><p>You are being returned.</p>""");

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private static string Hidden(string request) => $"""
        <input type="hidden" name="token" value="{System.Net.WebUtility.HtmlEncode(Token)}">
        <input type="hidden" name="request" value="{System.Net.WebUtility.HtmlEncode(request)}">
        """;

    private static IResult Page(string body) => Results.Content($"<!doctype html><html lang=en><title>Page</title><h1>Page</h1>{body}</html>", "text/html");
}
