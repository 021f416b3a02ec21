using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Support;

/// <summary>
/// A client in the browser: a page that opens the authorization in a popup and waits there for what its callback page posts, as
/// use-mcp and others do. The callback is of another origin than the page that waits.
/// </summary>
internal sealed class PopupClient : IAsyncDisposable
{
    private readonly WebApplication _app;

    private PopupClient(WebApplication app, string page, string callback) => (_app, PageUrl, RedirectUri) = (app, page, callback);

    public string PageUrl { get; }

    public string RedirectUri { get; }

    /// <summary>What the button opens.</summary>
    public string AuthorizeUrl { get; set; } = "";

    public static async Task<PopupClient> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var (page, callback) = ($"http://localhost:{Ports.Next()}", $"http://localhost:{Ports.Next()}");
        app.Urls.Add(page);
        app.Urls.Add(callback);
        var client = new PopupClient(app, page + "/", callback + "/callback");
        app.MapGet("/favicon.ico", () => Results.NoContent());
        app.MapGet("/", () => Results.Content($$"""
            <!doctype html><html lang=en><title>Client</title><button>Connect</button><output></output>
            <script>
            document.querySelector('button').onclick = () => {
              const popup = window.open({{System.Text.Json.JsonSerializer.Serialize(client.AuthorizeUrl)}}, 'popup', 'width=500,height=700');
              window.popupIsClosed = () => popup.closed;
            };
            onmessage = message => document.querySelector('output').textContent = message.origin + message.data;
            </script></html>
            """, "text/html"));
        app.MapGet("/callback", () => Results.Content("""
            <!doctype html><html lang=en><title>Callback</title><h1>Done</h1>
            <script>if (window.opener) { window.opener.postMessage(location.search, '*'); }</script></html>
            """, "text/html"));
        await app.StartAsync();
        return client;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}
