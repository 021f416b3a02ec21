using System.Text.Encodings.Web;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.Pages;

/// <summary>
/// Answers a form with a page that goes on by itself, without script. A redirect would be the plain answer, but Chromium
/// applies <c>form-action</c> to every hop that follows a form, and the last hop is the client's own address (docs/decisions/0003).
/// </summary>
/// <param name="url">Where to go on; ours or a configured provider's, never a client's word.</param>
internal sealed class ContinuePage(string url) : IActionResult
{
    public string Heading { get; init; } = "One moment";

    public required string Text { get; init; }

    /// <summary>What the link to the address says.</summary>
    public string Link { get; init; } = "Continue";

    /// <summary>On the way to something that replaces the page.</summary>
    public static ContinuePage To(string url, string destination) => new(url) { Text = $"You are being sent on to {destination}." };

    public Task ExecuteResultAsync(ActionContext context) => WriteAsync(context.HttpContext);

    public Task WriteAsync(HttpContext context)
    {
        var link = HtmlEncoder.Default.Encode(url);
        context.Response.StatusCode = StatusCodes.Status200OK;
        context.Response.ContentType = "text/html; charset=utf-8";
        return context.Response.WriteAsync($"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="refresh" content="0;url={link}">
            <title>{HtmlEncoder.Default.Encode(Heading)} - McpIdentity</title>
            <link rel="icon" href="data:,">
            <link rel="stylesheet" href="{Paths.StyleSheet}">
            </head>
            <body><main><h1>{HtmlEncoder.Default.Encode(Heading)}</h1><p><bdi>{HtmlEncoder.Default.Encode(Text)}</bdi> <a href="{link}">{HtmlEncoder.Default.Encode(Link)}</a></p></main></body>
            </html>
            """);
    }
}
