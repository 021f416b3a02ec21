using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Support;

[Category("Proxy"), Category("Nginx")]
[Parallelizable(ParallelScope.All)]
internal sealed class NginxServerTests
{
    [TestCase(false, "http")]
    [TestCase(true, "https")]
    public async Task It_passes_requests_on_and_says_how_they_came(bool tls, string scheme)
    {
        await using var app = await EchoAsync("only");
        await using var nginx = await NginxServer.StartAsync([.. app.Urls], tls);
        using var browser = new NoScriptBrowser(nginx.BaseUrl);

        var page = await browser.GetAsync("/");

        Assert.That(page.Body, Is.EqualTo($"only localhost:{nginx.Port} {scheme} 127.0.0.1"));
    }

    [Test]
    public async Task It_asks_the_servers_in_turn()
    {
        await using var one = await EchoAsync("one");
        await using var two = await EchoAsync("two");
        await using var nginx = await NginxServer.StartAsync([.. one.Urls, .. two.Urls]);
        using var browser = new NoScriptBrowser(nginx.BaseUrl);

        string[] answers = [(await browser.GetAsync("/")).Body[..3], (await browser.GetAsync("/")).Body[..3]];

        Assert.That(answers, Is.EquivalentTo((string[])["one", "two"]));
    }

    private static async Task<WebApplication> EchoAsync(string name)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add($"http://127.0.0.1:{Ports.Next()}");
        app.MapGet("/", (HttpRequest request) => $"{name} {request.Host} {request.Headers["X-Forwarded-Proto"]} {request.Headers["X-Forwarded-For"]}");
        await app.StartAsync();
        return app;
    }
}
