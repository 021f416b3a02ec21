using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using McpIdentity.Server.Connections;
using McpIdentity.Server.Gateway;
using McpIdentity.Tests.Account;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using UpstreamConnection = McpIdentity.Migrations.Entities.UpstreamConnection;

namespace McpIdentity.Tests.Gateway;

/// <summary>An MCP server with accounts of its own, put behind a server that runs: tests share that one, and each has its own of these.</summary>
internal sealed partial class ConnectionScene : IAsyncDisposable
{
    /// <summary>Everybody may use everything, nobody is too fast, and nothing is asked by itself.</summary>
    public static readonly string[] Settings = ["Gateway:CatalogueRefresh=0", "Policy:Rules:0:Effect=allow", "Mcp:RateLimiting:Enabled=false"];

    private static int _made;

    private readonly TestServer _server;
    private readonly JsonObject _upstream;

    private ConnectionScene(TestServer server, StandInAuthority authority, JsonObject? upstream)
    {
        (_server, Authority, _upstream) = (server, authority, upstream ?? []);
        _upstream["Auth"] = "OAuth";
    }

    public StandInAuthority Authority { get; }

    /// <summary>What it is called in <c>Gateway:Servers</c>.</summary>
    public string Name { get; } = $"notes{Interlocked.Increment(ref _made)}";

    /// <summary>Where people connect their account there.</summary>
    public string Page => $"{_server.BaseUrl}/connections/{Name}";

    /// <param name="server">Which one it is behind.</param>
    /// <param name="upstream">What <c>Upstream</c> has beside <c>Auth</c>.</param>
    public static async Task<ConnectionScene> AddAsync(TestServer server, Func<StandInAuthority, JsonObject>? upstream = null)
    {
        var authority = await StandInAuthority.StartAsync();
        var scene = new ConnectionScene(server, authority, upstream?.Invoke(authority));
        await scene.SaveAsync(authority.McpUrl);
        return scene;
    }

    /// <summary>The operator changes where it is, or what stands in its <c>Upstream</c>.</summary>
    public async Task SaveAsync(string url, params (string Member, string Value)[] upstream)
    {
        foreach (var (member, value) in upstream)
        {
            _upstream[member] = value;
        }

        var document = new JsonObject { ["Url"] = url, ["DisplayName"] = "Notes", ["Upstream"] = _upstream.DeepClone() };
        Assert.That(await _server.DatabaseAsync(db => _server.Services.GetRequiredService<StoredServers>().SaveAsync(db, Name, document.ToJsonString(), "the test", default)), Is.Null);
        await SeenByAsync(_server);
    }

    /// <summary>Another server over the same database has heard of it.</summary>
    public async Task SeenByAsync(TestServer node)
    {
        await node.Services.GetRequiredService<ServersFeed>().LoadAsync(default);
        Assert.That(node.Services.GetRequiredService<ConnectableServers>().Find(Name), Is.Not.Null);
    }

    public Task<string> TokenForAsync(Person person) => _server.TokenForAsync(Name, person);

    /// <summary>A call that answers with the token that the server was given.</summary>
    public Task<McpAnswer> CallAsync(string token) => _server.CallerOf(Name).CallToolAsync("whoami", token);

    /// <summary>What an app would show the person of such a name.</summary>
    public async Task<string> LinkAsync(string username) => _server.Services.GetRequiredService<ConnectionLinks>().For(Name, await _server.UserIdAsync(username));

    /// <summary>Presses Connect, and brings back what the authority answers.</summary>
    /// <param name="person">Who is signed in.</param>
    /// <param name="link">Where; absent, the page that everybody has.</param>
    public async Task<BrowserPage> ConnectAsync(Person person, string? link = null) => await person.Browser.GetAsync(await AnswerAsync(person, link ?? Page));

    /// <summary>The same without bringing it back.</summary>
    /// <returns>The address that the authority sends the browser to.</returns>
    public async Task<string> AnswerAsync(Person person, string link)
    {
        var left = await person.Browser.SubmitAsync(await person.Browser.GetAsync(link), button: "connect");
        Assert.That(left.IsOutside && left.Address.OriginalString.StartsWith(Authority.Issuer, StringComparison.Ordinal), Is.True, left.ToString() + left.Body);
        return await StandInAuthority.AgreeAsync(left.Address);
    }

    /// <summary>How many rows there are for it.</summary>
    public Task<int> CountAsync() => _server.DatabaseAsync(db => db.UpstreamConnections.CountAsync(row => row.Server == Name));

    /// <summary>Changes them as nothing of ours does.</summary>
    public Task ChangeAsync(Func<IQueryable<UpstreamConnection>, Task<int>> change) => _server.DatabaseAsync(db => change(db.UpstreamConnections.Where(row => row.Server == Name)));

    /// <summary>The address in which somebody connects an account, of what a client was told.</summary>
    public static string LinkIn(string body) => Link().Match(body).Value;

    public ValueTask DisposeAsync() => Authority.DisposeAsync();

    [GeneratedRegex("http://[^\" ]+/connections/[^\" ]+")]
    private static partial Regex Link();
}
