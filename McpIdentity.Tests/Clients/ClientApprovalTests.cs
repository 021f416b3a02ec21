using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using McpIdentity.Migrations;
using McpIdentity.Server.Commands;
using McpIdentity.Server.Housekeeping;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;

namespace McpIdentity.Tests.Clients;

/// <summary>Clients that register themselves and wait until an operator lets them in.</summary>
[Category("RFC 7591")]
[Parallelizable(ParallelScope.All)]
internal sealed class ClientApprovalTests
{
    private const string Token = "handed out to the team";

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync("OAuth:Registration:Policy=Approval", $"OAuth:Registration:InitialAccessToken={Token}");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task A_person_sees_which_app_waits_and_goes_on_when_it_was_approved()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);

        var waiting = await alice.Browser.GetAsync(client.AuthorizeUrl());
        Assert.That(waiting.Address.AbsolutePath, Is.EqualTo("/waiting"));
        Assert.That(waiting.Document!.Body!.TextContent, Does.Contain("Waiting for approval").And.Contain("Test client").And.Contain("client.example").And.Contain(client.ClientId));

        await ApproveAsync(client.ClientId);
        Assert.That((await client.ConnectAsync(alice)).Text("access_token"), Is.Not.Null);
        Assert.That((await alice.Browser.GetAsync(waiting.Address.AbsoluteUri)).Address.AbsolutePath, Is.EqualTo("/consent").Or.EqualTo("/callback"), "the page itself goes on too");
    }

    [Test]
    [Category("Browser")]
    public async Task The_page_goes_on_by_itself_in_a_real_browser_under_the_shipped_policy()
    {
        await using var server = await TestServer.StartAsync("OAuth:Registration:Policy=Approval");
        var client = await OAuthClient.RegisterPublicAsync(server);
        await using var chromium = await Chromium.OpenAsync(new BrowserNewContextOptions { JavaScriptEnabled = false });
        await chromium.Page.GotoAsync(client.AuthorizeUrl());
        await Microsoft.Playwright.Assertions.Expect(chromium.Page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("Waiting for approval");

        await ApproveAsync(client.ClientId, server);

        await Microsoft.Playwright.Assertions.Expect(chromium.Page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("Sign in to continue", new() { Timeout = (float)Chromium.Patience.TotalMilliseconds });
        Assert.That(chromium.CspViolations, Is.Empty);
    }

    [Test]
    public async Task With_prompt_none_the_client_is_told_that_somebody_has_to_act()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);

        var answer = await alice.AuthorizeAsync(client.AuthorizeUrl(("prompt", "none")));

        Assert.That(answer["error"], Is.EqualTo("interaction_required"));
    }

    [Test]
    public async Task A_service_that_waits_gets_no_token_and_is_not_told_to_forget_its_registration()
    {
        var service = await OAuthClient.RegisterServiceAsync(_server);
        using var waiting = await service.TokenAsync(("grant_type", "client_credentials"));
        Assert.That(waiting.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        Assert.That((await waiting.JsonAsync()).Text("error"), Is.EqualTo("temporarily_unavailable"));

        await ApproveAsync(service.ClientId);

        using var approved = await service.TokenAsync(("grant_type", "client_credentials"));
        Assert.That(approved.StatusCode, Is.EqualTo(HttpStatusCode.OK), "at once");
    }

    [Test]
    public async Task Whom_an_initial_access_token_vouches_for_does_not_wait()
    {
        var registered = await RegisterAsync(Token);

        using var alice = new Person(_server);
        await OAuthClient.Of(_server, registered.Text("client_id")!, null, OAuthClient.DefaultRedirectUri).ConnectAsync(alice);
    }

    [Test]
    public async Task A_client_that_waits_is_not_changed_and_one_that_was_approved_waits_again_when_its_answers_go_elsewhere()
    {
        var registered = await RegisterAsync(token: null);
        var id = registered.Text("client_id")!;
        using var early = await UpdateAsync(registered, "https://elsewhere.example/cb");
        Assert.That((early.StatusCode, await early.OAuthErrorAsync()), Is.EqualTo((HttpStatusCode.Forbidden, "access_denied")));

        await ApproveAsync(id);
        using var same = await UpdateAsync(registered, OAuthClient.DefaultRedirectUri);
        Assert.That(same.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await WaitsAsync(id), Is.False, "nothing of it that an operator looks at");
        using var other = await UpdateAsync(registered, "https://elsewhere.example/cb");
        Assert.That(other.StatusCode, Is.EqualTo(HttpStatusCode.OK));

        Assert.That(await WaitsAsync(id), Is.True);
        using var alice = new Person(_server);
        var page = await alice.Browser.GetAsync(OAuthClient.Of(_server, id, null, "https://elsewhere.example/cb").AuthorizeUrl());
        Assert.That(page.Address.AbsolutePath, Is.EqualTo("/waiting"));
    }

    [Test]
    public async Task A_client_waits_for_a_week_and_has_a_day_from_its_approval()
    {
        await using var server = await TestServer.StartAsync("OAuth:Registration:Policy=Approval");
        var (approved, forgotten) = (await OAuthClient.RegisterPublicAsync(server), await OAuthClient.RegisterPublicAsync(server));

        server.Clock.Advance(TimeSpan.FromDays(6));
        await PruneAsync();
        await ApproveAsync(approved.ClientId, server);
        server.Clock.Advance(TimeSpan.FromHours(23));
        await PruneAsync();
        Assert.That(await ClientsAsync(), Is.EquivalentTo([approved.ClientId, forgotten.ClientId]));
        server.Clock.Advance(TimeSpan.FromHours(2));
        await PruneAsync();
        Assert.That(await ClientsAsync(), Is.Empty);

        Task<List<string>> ClientsAsync() => InDatabaseAsync(server, db => db.Clients.Select(client => client.ClientId!).ToListAsync());

        async Task PruneAsync()
        {
            await using var scope = server.Services.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<Pruning>().RunAsync(dryRun: false, CancellationToken.None);
        }
    }

    [Test]
    [Category("Slow")]
    public async Task The_operator_lists_who_waits_and_approves_one_and_deletes_another()
    {
        await using var server = await ServerProcess.StartAsync("--OAuth:Registration:Policy=Approval");
        var (welcome, other) = (await OAuthClient.RegisterPublicAsync(server.Http), await OAuthClient.RegisterPublicAsync(server.Http, "https://other.example/cb"));

        Assert.That(await SaysAsync(0, "list", "--waiting"), Does.Contain(welcome.ClientId).And.Contain("https://client.example/callback").And.Contain(other.ClientId));
        Assert.That(await SaysAsync(0, "approve", welcome.ClientId), Does.Contain($"approved: Test client ({welcome.ClientId}), with answers to").And.Contain("https://client.example/callback"));
        Assert.That(await SaysAsync(ExitCode.Conflict, "approve", welcome.ClientId), Does.Contain("does not wait for approval"));
        Assert.That(await SaysAsync(0, "delete", other.ClientId, "--yes"), Does.Contain("deleted"));
        Assert.That(await SaysAsync(0, "list", "--waiting"), Does.Not.Contain(welcome.ClientId).And.Not.Contain(other.ClientId));
        Assert.That(await SaysAsync(0, "list"), Does.Match($"(?m)^{welcome.ClientId} +Test client +public +enabled"));
        using var alice = new Person(server.BaseUrl);
        await welcome.ConnectAsync(alice);

        async Task<string> SaysAsync(int expected, params string[] verb)
        {
            var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart
            {
                Folder = server.Folder,
                Arguments = ["clients", .. verb, $"--Database:ConnectionString=Data Source={Path.Combine(server.Folder, "mcpidentity.db")}"],
            });
            Assert.That(exitCode, Is.EqualTo(expected), output);
            return output;
        }
    }

    private async Task<JsonElement> RegisterAsync(string? token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/register")
        {
            Content = JsonContent.Create(new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, token_endpoint_auth_method = "none" }),
        };
        if (token is not null)
        {
            request.Headers.Add("Authorization", $"Bearer {token}");
        }

        using var response = await _server.Http.SendAsync(request);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created), await response.Content.ReadAsStringAsync());
        return await response.JsonAsync();
    }

    private async Task<HttpResponseMessage> UpdateAsync(JsonElement client, string redirectUri)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, client.Text("registration_client_uri"))
        {
            Content = JsonContent.Create(new { client_id = client.Text("client_id"), redirect_uris = new[] { redirectUri }, token_endpoint_auth_method = "none" }),
            Headers = { { "Authorization", $"Bearer {client.Text("registration_access_token")}" } },
        };
        return await _server.Http.SendAsync(request);
    }

    private Task<bool> WaitsAsync(string clientId) => InDatabaseAsync(
        _server, db => db.Clients.AnyAsync(client => client.ClientId == clientId && EF.Property<DateTimeOffset?>(client, ClientColumns.AwaitingApprovalSince) != null));

    // As the verb does.
    private async Task ApproveAsync(string clientId, TestServer? server = null)
    {
        var now = (server ?? _server).Clock.GetUtcNow();
        await InDatabaseAsync(server ?? _server, db => db.Clients.Where(client => client.ClientId == clientId).ExecuteUpdateAsync(set => set
            .SetProperty(client => EF.Property<DateTimeOffset?>(client, ClientColumns.AwaitingApprovalSince), (DateTimeOffset?)null)
            .SetProperty(client => EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt), (DateTimeOffset?)now)));
    }

    private static async Task<T> InDatabaseAsync<T>(TestServer server, Func<McpIdentityDbContext, Task<T>> work)
    {
        await using var scope = server.Services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>());
    }
}
