using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace McpIdentity.Tests.Clients.Documents;

/// <summary>What may stand at a client's URL, and what a host may answer: anything else is a page for the person, and nothing of it is kept.</summary>
[Category("CIMD")]
[Parallelizable(ParallelScope.All)]
internal sealed class DocumentAnswerTests
{
    private const string Callback = "https://client.example/callback";

    private TestServer _server = null!;
    private DocumentHost _host = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _host = await DocumentHost.StartAsync();
        _server = await TestServer.StartAsync(DocumentHost.Settings);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _host.DisposeAsync();
    }

    private static IEnumerable<TestCaseData> Documents()
    {
        yield return new("{", "not a JSON object");
        yield return new("[]", "not a JSON object");
        yield return new("null", "not a JSON object");
        yield return new("<!doctype html><title>Not here</title>", "not a JSON object");
        yield return new("""{"client_id":"$","client_id":"$","redirect_uris":["$cb"]}""", "none twice");
        yield return new("""{"client_id":7,"redirect_uris":["$cb"]}""", "each of its type");
        yield return new("""{"client_id":"$","redirect_uris":"$cb"}""", "each of its type");
        yield return new("""{"client_id":"$","redirect_uris":["$cb"],"client_name":"\ud800"}""", "");
        yield return new("""{"redirect_uris":["$cb"]}""", "its client_id is not the URL");
        yield return new("""{"client_id":"https://another.example/client.json","redirect_uris":["$cb"]}""", "its client_id is not the URL");
        yield return new("""{"client_id":"$/","redirect_uris":["$cb"]}""", "its client_id is not the URL");
        yield return new("""{"client_id":"$","redirect_uris":["$cb"],"client_secret":"s3cret"}""", "client_secret");
        yield return new("""{"client_id":"$","redirect_uris":["$cb"],"client_secret_expires_at":0}""", "client_secret");
        yield return new("""{"client_id":"$","redirect_uris":["$cb"],"token_endpoint_auth_method":"client_secret_basic"}""", "token_endpoint_auth_method");
        yield return new("""{"client_id":"$","redirect_uris":["$cb"],"token_endpoint_auth_method":"client_secret_post"}""", "token_endpoint_auth_method");
        yield return new("""{"client_id":"$","redirect_uris":["$cb"],"token_endpoint_auth_methods_supported":["client_secret_basic","client_secret_jwt"]}""", "token_endpoint_auth_method");
        yield return new("""{"client_id":"$"}""", "redirect_uris");
        yield return new("""{"client_id":"$","redirect_uris":[]}""", "redirect_uris");
        yield return new("""{"client_id":"$","redirect_uris":["$cb",7]}""", "redirect URI");
        yield return new("""{"client_id":"$","redirect_uris":["$cb","javascript:alert(1)"]}""", "javascript");
        yield return new("""{"client_id":"$","redirect_uris":["$cb","http://client.example/"]}""", "http is for localhost");
        yield return new("""{"client_id":"$","redirect_uris":["$cb"],"grant_types":["client_credentials"]}""", "grant_types");
        yield return new("""{"client_id":"$","redirect_uris":["$cb"],"grant_types":["refresh_token"]}""", "grant_types");
        yield return new("""{"client_id":"$","redirect_uris":["$cb"],"response_types":["token"]}""", "response_types");
        yield return new("""{"client_id":"$","redirect_uris":["$cb"],"client_name":"a\u0007b"}""", "client_name");
        yield return new("""{"client_id":"$","redirect_uris":["$cb"],"logo_uri":"file:///etc/passwd"}""", "logo_uri");
        yield return new($$"""{"client_id":"$","redirect_uris":["$cb"],"client_uri":"https://client.example/{{new string('a', 20_000)}}"}""", "characters");
    }

    [TestCaseSource(nameof(Documents))]
    [Requirement("MCP-22"), Requirement("MCP-24")]
    public async Task What_a_client_must_not_be_known_by_is_refused(string document, string because)
    {
        var path = $"/{Guid.NewGuid()}.json";
        var id = _host.Serve(path, context => context.Response.WriteAsync(document.Replace("$cb", Callback, StringComparison.Ordinal).Replace("$", _host.Origin + path, StringComparison.Ordinal)));

        await AssertRefusedAsync(id, because);

        // What is right in the next moment is not held against it.
        _host.Publish(path, new { redirect_uris = new[] { Callback } });
        await AssertTakenAsync(id);
    }

    [TestCase("""{"client_id":"$","redirect_uris":["$cb"]}""")]
    [TestCase("""{"client_id":"$","redirect_uris":["$cb"],"client_name":"","logo_uri":"","contacts":[],"scope":null}""")]
    [TestCase("""{"client_id":"$","redirect_uris":["$cb"],"x_unknown":{"a":[1]},"id_token_signed_response_alg":"RS256"}""")]
    [TestCase("""{"client_id":"$","redirect_uris":["$cb"],"grant_types":["authorization_code","urn:example:grant"],"response_types":["code","code id_token"]}""")]
    [TestCase("\ufeff{\"client_id\":\"$\",\"redirect_uris\":[\"$cb\"]}")]
    public async Task What_we_do_not_serve_or_know_is_left_out(string document)
    {
        var path = $"/{Guid.NewGuid()}.json";
        var id = _host.Serve(path, context => context.Response.WriteAsync(document.Replace("$cb", Callback, StringComparison.Ordinal).Replace("$", _host.Origin + path, StringComparison.Ordinal)));

        await AssertTakenAsync(id);
    }

    private static IEnumerable<TestCaseData> Answers()
    {
        yield return Answer("404", Status(404), "status 404");
        yield return Answer("410", Status(410), "status 410");
        yield return Answer("500", Status(500), "status 500");
        yield return Answer("204", Status(204), "status 204");
        yield return Answer("304", Status(304), "status 304");
        foreach (var status in (int[])[301, 302, 303, 307, 308])
        {
            yield return Answer($"a redirect ({status})", context => { context.Response.StatusCode = status; context.Response.Headers.Location = "/elsewhere"; return Task.CompletedTask; }, $"status {status}");
        }

        yield return Answer("more than 64 KB, with its length", context => context.Response.WriteAsync(new string(' ', 70_000)), "more than 64 KB");
        yield return Answer("an endless body", async context =>
        {
            var chunk = Encoding.ASCII.GetBytes(new string(' ', 8192));
            while (!context.RequestAborted.IsCancellationRequested)
            {
                await context.Response.Body.WriteAsync(chunk);
                await context.Response.Body.FlushAsync();
            }
        }, "more than 64 KB");
        foreach (var encoding in (string[])["gzip", "br", "deflate"])
        {
            yield return Answer($"a bomb in {encoding}", async context =>
            {
                context.Response.Headers.ContentEncoding = encoding;
                await using Stream pack = encoding switch { "gzip" => new GZipStream(context.Response.Body, CompressionLevel.Fastest), "br" => new BrotliStream(context.Response.Body, CompressionLevel.Fastest), _ => new ZLibStream(context.Response.Body, CompressionLevel.Fastest) };
                await pack.WriteAsync(new byte[1024 * 1024]);
            }, "encoding");
        }

        yield return Answer("headers of 20 KB", context => { context.Response.Headers["X-Long"] = new string('a', 20_000); return context.Response.WriteAsync("{}"); }, "could not be read");
        yield return Answer("a connection that is cut", context => { context.Abort(); return Task.CompletedTask; }, "could not be read");
    }

    [TestCaseSource(nameof(Answers))]
    public async Task A_host_that_answers_otherwise_is_refused_and_asked_again_the_next_time(RequestDelegate answer, string because)
    {
        var path = $"/{Guid.NewGuid()}.json";
        var id = _host.Serve(path, answer);

        await AssertRefusedAsync(id, because);

        Assert.That(_host.TimesAsked("/elsewhere"), Is.Zero, "no redirect is followed");
        _host.Publish(path, new { redirect_uris = new[] { Callback } });
        await AssertTakenAsync(id);
    }

    [Test]
    [Category("Slow")]
    public async Task A_host_that_drips_is_given_up_after_five_seconds()
    {
        var id = _host.Serve("/drip.json", async context =>
        {
            while (!context.RequestAborted.IsCancellationRequested)
            {
                await context.Response.WriteAsync(" ");
                await context.Response.Body.FlushAsync();
                await Task.Delay(50, CancellationToken.None);
            }
        });

        await AssertRefusedAsync(id, "did not answer within 5 seconds");
    }

    [Test]
    public async Task A_host_with_a_certificate_that_nobody_vouches_for_is_refused()
    {
        using var certificate = new TlsCertificate();
        await using var impostor = await DocumentHost.StartAsync(System.Security.Cryptography.X509Certificates.X509Certificate2.CreateFromPemFile(certificate.CertificateFile, certificate.KeyFile));
        var id = impostor.Publish("/client.json", new { redirect_uris = new[] { Callback } });

        await AssertRefusedAsync(id, "SecureConnectionError");

        Assert.That(impostor.TimesAsked("/client.json"), Is.Zero);
    }

    private static IEnumerable<string> Urls(string origin)
    {
        var host = new Uri(origin);
        return
        [
            $"https://localhost:{host.Port}", $"{origin}/client.json#part", $"{origin}/client.json#", $"{origin}/client.json?", $"{origin}/a/../client.json", $"{origin}/./client.json",
            $"{origin}/%2e%2e/client.json", $"https://user@localhost:{host.Port}/client.json", $"https://user:pw@localhost:{host.Port}/client.json", $"https://LOCALHOST:{host.Port}/client.json",
            $"HTTPS://localhost:{host.Port}/client.json", $"https://localhost:0{host.Port}/client.json", $"https://localhost/:443/{host.Port}/\\client.json", $"{origin}\\client.json",
            $"{origin}/client .json", $"{origin}/client.json\n", $"{origin}/ü.json", "https:///client.json", "https://", "https:client.json",
            $"https://localhost:{host.Port}/{new string('a', 2100)}", "https://localhost:99999/client.json", "https://exa mple/client.json", "https://[/client.json",
            $"https://localhost.:{host.Port}/client.json",
        ];
    }

    [Test]
    public async Task A_URL_in_any_but_its_usual_form_is_no_client_at_any_endpoint()
    {
        var path = "/client.json";
        await using var host = await DocumentHost.StartAsync();
        host.Serve(path, context => context.Response.WriteAsync(JsonSerializer.Serialize(new { client_id = host.Origin + path, redirect_uris = new[] { Callback } })));
        using (Assert.EnterMultipleScope())
        {
            foreach (var id in Urls(host.Origin))
            {
                using var person = new Person(_server);
                var page = await person.Browser.GetAsync(OAuthClient.Of(_server, id, null, Callback).AuthorizeUrl());
                Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest), id);
                Assert.That(page.Document!.Body!.TextContent, Does.Contain("This app is not known here"), id);
                using var answer = await OAuthClient.Of(_server, id, null, Callback).RefreshAsync("none");
                Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), id);
                Assert.That(await answer.OAuthErrorAsync(), Is.EqualTo("invalid_client"), id);
            }

            Assert.That(host.TimesAsked(path), Is.Zero, "nothing was fetched for them");
        }
    }

    private static RequestDelegate Status(int status) => context =>
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    };

    private static TestCaseData Answer(string name, RequestDelegate answer, string because) => new TestCaseData(answer, because).SetArgDisplayNames(name);

    private async Task AssertRefusedAsync(string id, string because)
    {
        using var person = new Person(_server);
        var page = await person.Browser.GetAsync(OAuthClient.Of(_server, id, null, Callback).AuthorizeUrl());
        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(page.Document!.Body!.TextContent, Does.Contain("This app cannot be looked up").And.Contain(because));
    }

    private async Task AssertTakenAsync(string id)
    {
        using var person = new Person(_server);
        await OAuthClient.Of(_server, id, null, Callback).ConnectAsync(person);
    }
}
