using System.Text.Encodings.Web;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.Pages;

/// <summary>
/// Answers a form with a page that goes on by itself, without script. A redirect would be the plain answer, but Chromium
/// applies <c>form-action</c> to every hop that follows a form, and the last hop is the client's own address (docs/decisions/0003).
/// </summary>
internal sealed class ContinuePage(string url, string destination) : IActionResult
{
    public Task ExecuteResultAsync(ActionContext context) => WriteAsync(context.HttpContext, url, destination);

    /// <param name="url">Where to go on; ours or a configured provider's, never a client's word.</param>
    /// <param name="destination">What the person is told that is.</param>
    public static Task WriteAsync(HttpContext context, string url, string destination)
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
            <title>Continue</title>
            <link rel="icon" href="data:,">
            <link rel="stylesheet" href="{Paths.StyleSheet}">
            </head>
            <body><main><h1>One moment</h1><p>You are being sent on to <bdi>{HtmlEncoder.Default.Encode(destination)}</bdi>. <a href="{link}">Continue</a></p></main></body>
            </html>
            """);
    }
}
