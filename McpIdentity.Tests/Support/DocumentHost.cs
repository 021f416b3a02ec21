using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Support;

/// <summary>A host of the web that publishes client ID metadata documents and key sets: https on loopback, by the test authority.</summary>
internal sealed class DocumentHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, RequestDelegate> _paths = new();
    private readonly ConcurrentQueue<string> _asked = [];

    private DocumentHost(WebApplication app, string origin) => (_app, Origin) = (app, origin);

    public string Origin { get; }

    /// <summary>What a server needs so that it reads from here: the addresses of this computer are not public, and all documents are one host's.</summary>
    public static string[] Settings =>
    [
        "OAuth:ClientDocuments:AllowedNetworks:0=127.0.0.0/8", "OAuth:ClientDocuments:AllowedNetworks:1=::1/128",
        "OAuth:ClientDocuments:FetchesPerHost=1000", "OAuth:ClientDocuments:FetchesOfUnknown=1000",
    ];

    /// <param name="certificate">Another than the test authority's.</param>
    public static async Task<DocumentHost> StartAsync(X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var port = Ports.Next();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.ListenLocalhost(port, listen => listen.UseHttps(certificate ?? TestAuthority.Issue("localhost", "127.0.0.1"))));
        var app = builder.Build();
        var host = new DocumentHost(app, $"https://localhost:{port}");
        app.Run(context =>
        {
            host._asked.Enqueue(context.Request.Path);
            return host._paths.TryGetValue(context.Request.Path, out var answer) ? answer(context) : Task.FromResult(context.Response.StatusCode = 404);
        });
        await app.StartAsync();
        return host;
    }

    /// <summary>How often something was asked for.</summary>
    public int TimesAsked(string path) => _asked.Count(asked => asked == path);

    /// <summary>Publishes anything at a path, in place of what was there.</summary>
    /// <returns>Its URL.</returns>
    public string Serve(string path, RequestDelegate answer)
    {
        _paths[path] = answer;
        return Origin + path;
    }

    /// <summary>Publishes a document whose <c>client_id</c> is its URL.</summary>
    /// <returns>Its URL: the client id.</returns>
    public string Publish(string path, object members, string? cacheControl = null)
    {
        var document = JsonSerializer.SerializeToNode(members)!.AsObject();
        document.TryAdd("client_id", Origin + path);
        return Serve(path, context =>
        {
            context.Response.Headers.CacheControl = cacheControl;
            return context.Response.WriteAsync(document.ToJsonString());
        });
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}
