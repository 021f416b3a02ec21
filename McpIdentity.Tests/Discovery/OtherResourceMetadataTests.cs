using System.Net;
using System.Text.Json;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Discovery;

/// <summary>The metadata that we offer for MCP servers in other hosts: docs/other-hosts.md, "A host without metadata".</summary>
[Category("RFC 9728")]
[Parallelizable(ParallelScope.All)]
internal sealed class OtherResourceMetadataTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(
        "OAuth:Resources:0:Resource=https://notes.example.org:8443/mcp", "OAuth:Resources:0:Name=Notes of the team",
        "OAuth:Resources:0:Scopes:notes:read=Read your notes", "OAuth:Resources:0:Scopes:notes:write=Write your notes", "OAuth:Resources:0:DefaultScopes=notes:read",
        "OAuth:Resources:1=http://localhost:9/mcp", "OAuth:Resources:2=https://files.example.org");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("notes.example.org:8443/mcp", "https://notes.example.org:8443/mcp", "Notes of the team", "notes:read")]
    [TestCase("NOTES.example.org:8443/mcp/", "https://notes.example.org:8443/mcp", "Notes of the team", "notes:read")]
    [TestCase("localhost:9/mcp", "http://localhost:9/mcp", null, "mcp mcp:call")]
    [TestCase("files.example.org", "https://files.example.org", null, "mcp mcp:call")]
    [TestCase("files.example.org/", "https://files.example.org", null, "mcp mcp:call")]
    public async Task Each_has_metadata_that_sends_clients_to_us(string path, string resource, string? name, string scopes)
    {
        using var response = await _server.Http.GetAsync($"/oauth/resources/{path}");
        var metadata = await response.JsonAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(metadata.Text("resource"), Is.EqualTo(resource), "exactly what tokens are for: RFC 9728 §3.3");
            Assert.That(metadata.TryGetProperty("resource_name", out var called) ? called.GetString() : null, Is.EqualTo(name));
            Assert.That(metadata.GetProperty("authorization_servers").EnumerateArray().Single().GetString(), Is.EqualTo(_server.BaseUrl));
            Assert.That(string.Join(' ', metadata.GetProperty("scopes_supported").EnumerateArray().Select(scope => scope.GetString())), Is.EqualTo(scopes), "what a client begins with");
            Assert.That(metadata.GetProperty("bearer_methods_supported").EnumerateArray().Single().GetString(), Is.EqualTo("header"));
            Assert.That(response.Headers.GetValues("Access-Control-Allow-Origin").Single(), Is.EqualTo("*"));
            Assert.That(response.Headers.CacheControl!.Public, Is.True);
        }
    }

    [TestCase(""), TestCase("/"), TestCase("/notes.example.org/mcp"), TestCase("/notes.example.org:8443/other"), TestCase("/evil.example"), TestCase("/https://notes.example.org:8443/mcp"), TestCase("/[::1"), TestCase("/a@notes.example.org:8443/mcp")]
    public async Task Others_have_none(string path)
    {
        using var response = await _server.Http.GetAsync($"/oauth/resources{path}");

        Assert.That((response.StatusCode, (await response.JsonAsync()).ValueKind), Is.EqualTo((HttpStatusCode.NotFound, JsonValueKind.Object)));
    }

    [Test]
    public async Task Our_own_endpoint_has_its_metadata_at_its_own_address_alone()
    {
        var port = Ports.Next();
        await using var server = await TestServer.StartAsync($"Server:Port={port}", $"OAuth:Resources:0:Resource=http://localhost:{port}/mcp", "OAuth:Resources:0:Scopes:extra=More");
        foreach (var other in new[] { _server, server })
        {
            using var response = await other.Http.GetAsync($"/oauth/resources/{new Uri(other.McpUrl).Authority}/mcp");

            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        }
    }

    [Test]
    public async Task Only_reading_is_answered()
    {
        using var response = await _server.Http.PostAsync("/oauth/resources/files.example.org", null);

        Assert.That((response.StatusCode, response.Content.Headers.Allow), Is.EqualTo((HttpStatusCode.MethodNotAllowed, new[] { "GET", "HEAD" })));
    }
}
