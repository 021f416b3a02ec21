using McpIdentity.Migrations;
using McpIdentity.Server.Revocation;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.McpClients;

/// <summary>
/// What a client lives through in its time: it signs somebody in, refreshes, and finds out by itself that its grant was revoked,
/// or that the server no longer knows it.
/// </summary>
internal sealed class Journey : IAsyncDisposable
{
    private readonly HttpClient _browser = new();

    private readonly DocumentHost? _host;

    private Journey(TestServer server, DocumentHost? host) => (Server, Alice, _host) = (server, new Person(server), host);

    public TestServer Server { get; }

    public Person Alice { get; }

    /// <summary>For what the client keeps between its starts.</summary>
    public TemporaryFolder Folder { get; } = new();

    /// <summary>What the client names itself by; null where it registers.</summary>
    public string? Document { get; private init; }

    public static async Task<Journey> BeginAsync() => new(await TestServer.StartAsync(), host: null);

    /// <summary>The client is known by a document.</summary>
    public static async Task<Journey> BeginWithDocumentAsync()
    {
        var host = await DocumentHost.StartAsync();
        var document = host.Publish("/oauth/client.json", new
        {
            client_name = "A client with a document",
            redirect_uris = new[] { "http://127.0.0.1/callback", "http://localhost/oauth/callback", "http://127.0.0.1/oauth/callback" },
            grant_types = new[] { "authorization_code", "refresh_token" },
            response_types = new[] { "code" },
            token_endpoint_auth_method = "none",
        });
        return new Journey(await TestServer.StartAsync(DocumentHost.Settings), host) { Document = document };
    }

    /// <summary>As it is passed to a program that may go without.</summary>
    public string[] DocumentArguments(params string[] option) => Document is null ? [] : [.. option, Document];

    /// <param name="greet">Has the client call the tool <c>greeting</c>, and returns what it answered.</param>
    /// <param name="restart">For a client that keeps a lost registration until it is started again.</param>
    public async Task TravelAsync(Func<Task<string>> greet, Func<Task>? restart = null)
    {
        Assert.That(await greet(), Does.Contain("Alice Example"));
        Assert.That(Alice.PagesSeen, Is.EqualTo(["/signin", "/consent"]));
        Assert.That(await ClientsAsync(), Has.Count.EqualTo(1).And.All.StartsWith(Document ?? ""), "by its document, or registered once");

        Server.Clock.Advance(TimeSpan.FromHours(2));
        Assert.That(await greet(), Does.Contain("Alice Example"), "the access token has expired");
        Assert.That(Alice.PagesSeen, Has.Count.EqualTo(2), "refreshed, and nobody was asked");

        await RevokeGrantsAsync();
        Assert.That(await greet(), Does.Contain("Alice Example"), "the grant was revoked");
        var seen = Alice.PagesSeen.Count;
        Assert.That(seen, Is.GreaterThan(2), "the person was asked again");

        var lost = await DeleteClientsAsync();
        Server.Clock.Advance(TimeSpan.FromSeconds(5)); // an id that comes back is told from itself by the time
        await (restart?.Invoke() ?? Task.CompletedTask);
        Assert.That(await greet(), Does.Contain("Alice Example"), "the registration was lost");
        Assert.That(Alice.PagesSeen, Has.Count.GreaterThan(seen), "the person was asked again");
        Assert.That(await ClientsAsync(), Document is null ? Has.Count.EqualTo(1).And.None.AnyOf(lost) : Is.EqualTo([Document]), "registered anew, or read again");
    }

    /// <summary>Opens an address as the person's browser would, and brings the answer to where the client waits for it.</summary>
    public async Task VisitAsync(string url)
    {
        var callback = await Alice.LeaveAsync(url);
        // Some print the address before they listen.
        await Until.TrueAsync(() => _browser.IsAnsweredAsync(callback.AbsoluteUri), $"the client listens at {callback.GetLeftPart(UriPartial.Path)}");
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Alice.Dispose();
        Folder.Dispose();
        _browser.Dispose();
        await (_host?.DisposeAsync() ?? default);
    }

    private async Task RevokeGrantsAsync()
    {
        await using var scope = Server.Services.CreateAsyncScope();
        foreach (var id in await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Grants.Select(grant => grant.Id).ToListAsync())
        {
            await scope.ServiceProvider.GetRequiredService<Revocations>().RevokeGrantAsync(id);
        }
    }

    // As the verb "clients delete" does it.
    private async Task<List<string?>> DeleteClientsAsync()
    {
        var clients = await ClientsAsync();
        await using var scope = Server.Services.CreateAsyncScope();
        foreach (var client in clients)
        {
            await scope.ServiceProvider.GetRequiredService<Revocations>().RevokeClientAsync(client!);
        }

        await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Clients.ExecuteDeleteAsync();
        return clients;
    }

    private async Task<List<string?>> ClientsAsync()
    {
        await using var scope = Server.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Clients.Select(client => client.ClientId).ToListAsync();
    }
}
