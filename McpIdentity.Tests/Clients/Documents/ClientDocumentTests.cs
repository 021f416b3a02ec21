using System.Net;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Clients.Documents;

/// <summary>Clients that name themselves by the URL of a document (draft-ietf-oauth-client-id-metadata-document), and register nowhere.</summary>
[Category("CIMD")]
[Parallelizable(ParallelScope.All)]
internal sealed class ClientDocumentTests
{
    private const string Callback = "https://client.example/callback";

    private TestServer _server = null!;
    private DocumentHost _host = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _host = await DocumentHost.StartAsync();
        _server = await TestServer.StartAsync([.. DocumentHost.Settings]);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _host.DisposeAsync();
    }

    [Test]
    [Requirement("MCP-21")]
    public async Task The_metadata_says_that_a_client_may_come_with_a_document_and_without_a_secret()
    {
        foreach (var path in (string[])["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"])
        {
            var metadata = await (await _server.Http.GetAsync(path)).JsonAsync();

            Assert.That(metadata.GetProperty("client_id_metadata_document_supported").GetBoolean(), Is.True);
            Assert.That(metadata.GetProperty("token_endpoint_auth_methods_supported").EnumerateArray().Select(method => method.GetString()), Does.Contain("none"), "docs/interoperability.md, Clients that bring a document");
        }
    }

    /// <summary>Each as its maker publishes it, but for the host.</summary>
    [TestCaseSource(typeof(PublishedDocuments), nameof(PublishedDocuments.All))]
    public async Task A_document_of_the_field_signs_in_calls_and_refreshes(string path, object document, string redirectUri)
    {
        var client = OAuthClient.Of(_server, _host.Publish(path, document), null, redirectUri);
        using var person = new Person(_server);

        var tokens = await client.ConnectAsync(person, ("resource", _server.McpUrl));
        using var refreshed = await client.RefreshAsync(tokens.Text("refresh_token")!);

        Assert.That(refreshed.StatusCode, Is.EqualTo(HttpStatusCode.OK), await refreshed.Content.ReadAsStringAsync());
        Assert.That(_host.TimesAsked(path), Is.EqualTo(1), "one fetch for all of it");
    }
}
