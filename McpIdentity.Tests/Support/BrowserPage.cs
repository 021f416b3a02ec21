using System.Net;
using System.Net.Http.Headers;
using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.WebUtilities;

namespace McpIdentity.Tests.Support;

/// <summary>One answer that a <see cref="NoScriptBrowser"/> received, or the address at which it left the servers.</summary>
internal sealed class BrowserPage
{
    private BrowserPage(HttpMethod method, Uri address) => (Method, Address) = (method, address);

    public HttpMethod Method { get; }

    public Uri Address { get; }

    public HttpStatusCode Status { get; private init; }

    public HttpResponseHeaders? Headers { get; private init; }

    public string Body { get; private init; } = "";

    /// <summary>Absent where the answer is not HTML.</summary>
    public IHtmlDocument? Document { get; private init; }

    /// <summary>Where the browser goes on without the user: the redirect, or the meta refresh.</summary>
    public Uri? Next { get; private init; }

    /// <summary>The address is not one of the servers', and nothing was asked of it.</summary>
    public bool IsOutside { get; private init; }

    public IReadOnlyDictionary<string, string?> Query =>
        QueryHelpers.ParseQuery(Address.Query).ToDictionary(parameter => parameter.Key, parameter => (string?)parameter.Value);

    public static BrowserPage Outside(Uri address) => new(HttpMethod.Get, address) { IsOutside = true };

    public static async Task<BrowserPage> ReadAsync(HttpMethod method, Uri address, HttpResponseMessage response)
    {
        var body = await response.Content.ReadAsStringAsync();
        var document = response.Content.Headers.ContentType?.MediaType == "text/html" ? new HtmlParser().ParseDocument(body) : null;
        var location = (int)response.StatusCode is >= 300 and < 400 ? response.Headers.Location : null;
        var next = location?.OriginalString ?? RefreshOf(document);
        return new BrowserPage(method, address)
        {
            Status = response.StatusCode,
            Headers = response.Headers,
            Body = body,
            Document = document,
            Next = next is null ? null : new Uri(address, next),
        };
    }

    public override string ToString() => IsOutside ? $"left for {Address}" : $"{Method} {Address} {(int)Status}{(Next is null ? "" : $" -> {Next}")}";

    // <meta http-equiv="refresh" content="0;url=/next">
    private static string? RefreshOf(IHtmlDocument? document)
    {
        var content = document?.QuerySelector("meta[http-equiv=refresh i]")?.GetAttribute("content");
        var target = content?.Split(';', 2) is [_, var rest] ? rest.Trim() : null;
        return target?.StartsWith("url=", StringComparison.OrdinalIgnoreCase) is true ? target[4..].Trim() : null;
    }
}
