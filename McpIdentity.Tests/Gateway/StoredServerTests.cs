using System.CommandLine.Parsing;
using System.Net;
using System.Text;
using System.Text.Json;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Catalogue;
using McpIdentity.Server.Commands;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace McpIdentity.Tests.Gateway;

/// <summary>Servers that are added while the program runs: docs/tool-catalogue.md, "Servers that are added while it runs".</summary>
internal sealed class StoredServerTests
{
    private const string Secret = "Bearer a-secret-of-the-notes";

    private ScriptedServer _upstream = null!;
    private TestServer _server = null!;
    private TemporaryFolder _folder = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _folder = new TemporaryFolder();
        _upstream = await ScriptedServer.StartAsync(ScriptedServer.Tool("read", annotations: "{\"readOnlyHint\":true}"), ScriptedServer.Tool("drop"));
        _server = await TestServer.StartAsync(
            $"Gateway:Servers:fixed:Url={_upstream.Url}", "Gateway:Servers:fixed:Path=/mcp/elsewhere", "Gateway:CatalogueRefresh=0", "Policy:Rules:0:Effect=allow", "Policy:Rules:0:Servers=notes,fixed");
        await File.WriteAllTextAsync(_folder.File("secret"), Secret + "\n");
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _upstream.DisposeAsync();
        _folder.Dispose();
    }

    [Test]
    public async Task One_is_added_served_tested_changed_and_removed_without_a_restart_and_its_secret_is_shown_to_nobody()
    {
        var added = await Verbs.DoAsync(_server, "servers", "add", "notes", "--url", _upstream.Url, "--auth", "Header", "--value-file", _folder.File("secret"), "--display-name", "Our notes", "--review", "Changed");
        Assert.That(added, Does.Contain($"added: notes, for clients at {_server.BaseUrl}/mcp/notes").And.Not.Contain("Nobody"));
        await ServedAsync("/mcp/notes", HttpStatusCode.Unauthorized);
        Assert.That((await _server.CallerOf("notes").CallToolAsync("read", await _server.TokenForAsync("notes"))).Text, Is.EqualTo("done"));
        Assert.That(_upstream.Upstream.Requests.Last()["Authorization"], Is.EqualTo(Secret));

        var tested = await Verbs.DoAsync(_server, "servers", "test", "notes", "--as", "alice@example.com");
        Assert.That(tested, Does.Contain("scripted 7.1, MCP 2025-11-25, 2 tools").And.Match("read +reads").And.Match("drop +nothing.* allow +Policy:Rules:0"));
        var shown = await Verbs.DoAsync(_server, "servers", "show", "notes") + await Verbs.DoAsync(_server, "servers", "list", "-o", "json") + added + tested;
        Assert.That(shown, Does.Contain("Our notes").And.Match("value +is set").And.Not.Contain("a-secret"));
        Assert.That((await RowsAsync()).Single().Document, Does.Not.Contain("secret").And.Not.Contain("http"));

        // Encrypted anew it is the same server, and keeps what it has.
        var connection = _server.Services.GetRequiredService<FrontedServers>().Find("notes")!.Connection;
        await StoreAsync("notes", Decrypt((await RowsAsync()).Single().Document));
        await FeedAsync();
        Assert.That(_server.Services.GetRequiredService<FrontedServers>().Find("notes")!.Connection, Is.SameAs(connection));

        Assert.That((await Verbs.RunAsync(_server, "servers", "add", "notes", "--url", _upstream.Url)).ExitCode, Is.EqualTo(ExitCode.Conflict), "it is there already");
        await Verbs.DoAsync(_server, "servers", "add", "notes", "--url", _upstream.Url, "--path", "/mcp/other", "--replace");
        await ServedAsync("/mcp/other", HttpStatusCode.Unauthorized);
        await ServedAsync("/mcp/notes", HttpStatusCode.NotFound);
        Assert.That(_server.Services.GetRequiredService<FrontedServers>().Find("notes")!.Connection, Is.Not.SameAs(connection));

        Assert.That((await Verbs.RunAsync(_server, "servers", "remove", "fixed", "--yes")).ExitCode, Is.EqualTo(ExitCode.Conflict), "of the configuration");
        await Verbs.DoAsync(_server, "servers", "remove", "notes", "--yes");
        await ServedAsync("/mcp/other", HttpStatusCode.NotFound);
    }

    [Test]
    public async Task What_cannot_be_served_is_refused_by_the_verb_and_where_it_is_stored_all_the_same_skipped_with_its_reason()
    {
        foreach (var (arguments, name) in new (string[], string)[]
        {
            (["--url", "ftp://notes.example"], "bad-url"), (["--url", _upstream.Url, "--path", "/mcp/elsewhere"], "same-path"), (["--url", _upstream.Url], "fixed"),
            (["--url", _upstream.Url, "--path", "/oauth/token"], "taken"), (["--url", _upstream.Url], "Upper"), (["--url", _upstream.Url, "--auth", "Header"], "no-value"),
        })
        {
            Assert.That((await Verbs.RunAsync(_server, ["servers", "add", name, .. arguments])).ExitCode, Is.Not.Zero, name);
        }

        await StoreAsync("future", $$"""{"Url":"{{_upstream.Url}}","Sandbox":true}""");
        await StoreAsync("fixed", $$"""{"Url":"{{_upstream.Url}}","Path":"/mcp/second"}""");
        await StoreAsync("broken", """{"Url":""");
        await StoreAsync("fine", $$"""{"Url":"{{_upstream.Url}}"}""");
        await FeedAsync();
        await ServedAsync("/mcp/fine", HttpStatusCode.Unauthorized);
        await ServedAsync("/mcp/future", HttpStatusCode.NotFound);
        await ServedAsync("/mcp/second", HttpStatusCode.NotFound);

        var list = await Verbs.DoAsync(_server, "servers", "list");
        Assert.That(list, Does.Match("future .*not served: it has Sandbox, which this release does not know").And.Match("fixed .*not served: the configuration has a server of this name").And.Match("broken .*not served"));
        Assert.That((await Verbs.RunAsync(_server, "servers", "test", "future")).ExitCode, Is.EqualTo(ExitCode.Conflict));
        foreach (var name in (string[])["future", "broken", "fine"])
        {
            await Verbs.DoAsync(_server, "servers", "remove", name, "--yes");
        }

        await using var scope = _server.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().GatewayServers.ExecuteDeleteAsync();
    }

    // Each stream needs two file descriptors, one of them to the server (docs/gateway.md, "When a server fails").
    [Test]
    public async Task One_that_is_stored_halves_the_connections_of_the_next_start()
    {
        var database = $"Database:ConnectionString=Data Source={_folder.File("stored.db")};Pooling=False";
        long? before;
        await using (var server = await TestServer.StartAsync(database))
        {
            before = ConnectionsOf(server);
            await Verbs.DoAsync(server, "servers", "add", "notes", "--url", _upstream.Url);
        }

        await using var again = await TestServer.StartAsync(database);

        Assert.That(ConnectionsOf(again), Is.EqualTo(before / 2));

        static long? ConnectionsOf(TestServer server) => server.Services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits.MaxConcurrentConnections;
    }

    // RFC 9068 §4: for those that are added while it runs as well.
    [Test]
    public async Task A_token_for_one_is_none_at_another_however_it_came_here()
    {
        await Verbs.DoAsync(_server, "servers", "add", "notes", "--url", _upstream.Url);
        await Verbs.DoAsync(_server, "servers", "add", "second", "--url", _upstream.Url, "--path", "/mcp/second-one");
        string[] paths = ["/mcp", "/mcp/elsewhere", "/mcp/notes", "/mcp/second-one"];
        await ServedAsync("/mcp/notes", HttpStatusCode.Unauthorized);
        await ServedAsync("/mcp/second-one", HttpStatusCode.Unauthorized);
        using var alice = new Person(_server);
        var tokens = new Dictionary<string, string>();
        foreach (var path in paths.Take(3))
        {
            tokens[path] = (await (await OAuthClient.RegisterPublicAsync(_server)).ConnectAsync(alice, ("resource", _server.BaseUrl + path))).Text("access_token")!;
        }

        foreach (var at in paths)
        {
            foreach (var (of, token) in tokens)
            {
                var answer = await new McpCaller(_server) { Path = at }.CallAsync("tools/list", bearer: token);
                Assert.That(answer.Status, at == of ? Is.EqualTo(200) : Is.EqualTo(401), $"{of} at {at}: {answer.Body}");
            }
        }

        foreach (var name in (string[])["notes", "second"])
        {
            await Verbs.DoAsync(_server, "servers", "remove", name, "--yes");
        }

        await ServedAsync("/mcp/notes", HttpStatusCode.NotFound);
    }

    [Test]
    [Category("Docs")]
    public async Task The_commands_of_the_document_work_in_their_order()
    {
        var (review, servers) = (CommandsOf("tools"), CommandsOf("servers"));
        await RunAsync([.. servers.Take(2)]);
        _server.Services.GetRequiredService<ToolCatalogue>().Learn("notes", ToolReview.New, [.. _upstream.Tools.Select(tool => JsonDocument.Parse(tool).RootElement)]);
        await _server.Services.GetRequiredService<CatalogueFeed>().LoadAsync(CancellationToken.None);
        var said = await RunAsync(review);
        Assert.That(said, Does.Contain("read, version").And.Contain("allowed: notes read").And.Contain("blocked: notes drop"));
        Assert.That(await RunAsync([.. servers.Skip(2)]), Does.Contain("Our notes").And.Contain("changed: notes").And.Contain("removed: notes"));
        Assert.That(await Verbs.DoAsync(_server, "tools", "list"), Does.Not.Contain("notes"), "forgotten with it");

        static string[] CommandsOf(string noun) => [.. ShellBlock.In("docs/tool-catalogue.md").Single(block => block.RunBy == nameof(StoredServerTests) && block.Text.Contains($"-- {noun} ", StringComparison.Ordinal)).Commands];

        async Task<string> RunAsync(string[] commands)
        {
            var output = "";
            foreach (var command in commands)
            {
                var words = CommandLineParser.SplitCommandLine(command.Split(" -- ")[1].Replace("http://localhost:3001/mcp", _upstream.Url, StringComparison.Ordinal));
                output += await Verbs.DoAsync(_server, [.. words]);
            }

            return output;
        }
    }

    private Task FeedAsync() => _server.Services.GetRequiredService<ServersFeed>().LoadAsync(CancellationToken.None);

    private async Task ServedAsync(string path, HttpStatusCode status)
    {
        _server.Clock.Advance(TimeSpan.FromSeconds(20));
        await Until.TrueAsync(async () => (await new McpCaller(_server) { Path = path }.CallAsync("tools/list")).Status == (int)status, $"{path} is {status}");
    }

    private async Task<List<GatewayServer>> RowsAsync()
    {
        await using var scope = _server.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().GatewayServers.AsNoTracking().ToListAsync();
    }

    private string Decrypt(string document) => Encoding.UTF8.GetString(_server.Services.GetRequiredService<EncryptionKeys>().Unprotect(ServerDocument.Purpose, document)!);

    private async Task StoreAsync(string name, string document)
    {
        await using var scope = _server.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        await db.GatewayServers.Where(row => row.Name == name).ExecuteDeleteAsync();
        db.GatewayServers.Add(new GatewayServer
        {
            Name = name,
            Document = _server.Services.GetRequiredService<EncryptionKeys>().Protect(ServerDocument.Purpose, Encoding.UTF8.GetBytes(document)),
            CreatedAt = _server.Clock.GetUtcNow(),
            UpdatedAt = _server.Clock.GetUtcNow(),
            UpdatedBy = "test",
        });
        await db.SaveChangesAsync();
    }
}
