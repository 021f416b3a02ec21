using System.Net;
using System.Text.Json;
using McpIdentity.Migrations.Entities;
using McpIdentity.Tests.Audit;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Administration;

/// <summary>Nobody becomes more than they were made: not by the policy, a minted token, a client of their own, or by taking others away.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class EscalationTests
{
    private AdminScene _scene = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _scene = await AdminScene.StartAsync("Admin:Owners:1=group:platform");

    [OneTimeTearDown]
    public async Task StopAsync() => await _scene.DisposeAsync();

    [Test]
    public async Task What_an_applied_policy_says_of_groups_makes_nobody_an_owner()
    {
        var emil = await _scene.ClientAsync("otto");
        var service = await _scene.ServiceAsync();
        using var applied = await service.PostAsync("/policy/versions", new { document = new { Groups = new { platform = new[] { "otto@example.com" } } } });
        Assert.That(applied.IsSuccessStatusCode, await applied.Content.ReadAsStringAsync());

        using var me = await emil.GetAsync("/me");

        Assert.That((await me.JsonAsync()).Text("role"), Is.EqualTo("operator"));
    }

    [Test]
    public async Task No_token_for_the_admin_API_is_minted()
    {
        var service = await _scene.ServiceAsync();

        using var minted = await service.PostAsync("/tokens/mint", new { subject = "olga", scope = "admin:write", resource = _scene.Resource });

        Assert.That((minted.StatusCode, await minted.ProblemAsync()), Is.EqualTo((HttpStatusCode.UnprocessableEntity, "invalid_request")));
    }

    [Test]
    public async Task A_client_that_an_operator_approved_is_no_owner_s_word_for_the_admin_API()
    {
        var otto = await _scene.ClientAsync("otto");
        using var made = await otto.PostAsync("/clients", new { kind = "app", name = "Mine", client_id = "mine", redirect_uris = new[] { "https://client.example/callback" }, pre_approved = true });
        Assert.That(made.StatusCode, Is.EqualTo(HttpStatusCode.Created), await made.Content.ReadAsStringAsync());
        using var olga = _scene.Person("olga");

        await OAuthClient.Of(_scene.Server, "mine", null, "https://client.example/callback").AuthorizeAsync(olga, ("resource", _scene.Resource), ("scope", "admin:read"));

        Assert.That(olga.PagesSeen, Does.Contain("/consent"));
    }

    [TestCase("otto"), TestCase("service")]
    public async Task Who_has_a_role_is_disabled_and_removed_by_owners_alone(string who)
    {
        await _scene.ClientAsync("olga");
        var caller = who == "service" ? await _scene.ServiceAsync() : await _scene.ClientAsync(who);
        var olga = (await (await caller.GetAsync("/users?q=olga@")).JsonAsync()).GetProperty("items")[0].Text("user_id");

        using var disabled = await caller.PostAsync($"/users/{olga}/disable");
        using var removed = await caller.DeleteAsync($"/users/{olga}");

        Assert.That((await disabled.ProblemAsync(), await removed.ProblemAsync()), Is.EqualTo(("administrator", "administrator")));
    }

    [Test]
    public async Task Who_has_a_role_and_was_disabled_is_enabled_by_owners_alone()
    {
        await _scene.ClientAsync("hugo");
        var (owner, service, otto) = (await _scene.ClientAsync(), await _scene.ServiceAsync(), await _scene.ClientAsync("otto"));
        var hugo = await IdOfAsync(owner, "hugo");
        using var disabled = await owner.PostAsync($"/users/{hugo}/disable");
        Assert.That(disabled.StatusCode, Is.EqualTo(HttpStatusCode.OK));

        using var byOperator = await otto.PostAsync($"/users/{hugo}/enable");
        using var byService = await service.PostAsync($"/users/{hugo}/enable");
        _scene.Server.Clock.Advance(TimeSpan.FromSeconds(5)); // what ended has to be in the past
        using var byOwner = await owner.PostAsync($"/users/{hugo}/enable");

        Assert.That((await byOperator.ProblemAsync(), await byService.ProblemAsync(), byOwner.StatusCode), Is.EqualTo(("administrator", "administrator", HttpStatusCode.OK)));
    }

    // What is cut off a line is told to nobody.
    [Test]
    public async Task A_redirect_URI_beside_many_long_ones_is_in_the_audit_without_its_query()
    {
        var otto = await _scene.ClientAsync("otto");
        string[] uris = [.. Enumerable.Range(0, 5).Select(i => $"https://client.example/{new string('x', 150)}/{i}")];
        using var made = await otto.PostAsync("/clients", new { kind = "app", name = "Long", client_id = "long", redirect_uris = uris });
        Assert.That(made.StatusCode, Is.EqualTo(HttpStatusCode.Created), await made.Content.ReadAsStringAsync());

        using var changed = await otto.PatchAsync("/clients/long", new { redirect_uris = uris[1..].Append("https://mine.example/cb?key=hidden"), pre_approved = true });

        Assert.That(changed.StatusCode, Is.EqualTo(HttpStatusCode.OK), await changed.Content.ReadAsStringAsync());
        Assert.That(await ChangeAsync("client_updated", row => row.ClientId == "long"), Is.EqualTo(($"pre_approved: False; redirect_uris: {uris[0]}", "pre_approved: True; redirect_uris: https://mine.example/cb?…")));
    }

    // What nobody is shown nobody can send elsewhere.
    [Test]
    public async Task The_secret_of_a_server_does_not_go_with_it_to_another_URL()
    {
        var otto = await _scene.ClientAsync("otto");
        using var added = await otto.PostAsync("/servers", new { name = "vault", server = new { url = "https://vault.example/mcp", upstream = new { auth = "header", value = "a-secret" } } });
        Assert.That(added.StatusCode, Is.EqualTo(HttpStatusCode.Created), await added.Content.ReadAsStringAsync());

        using var elsewhere = await otto.SendAsync(HttpMethod.Put, "/servers/vault", new { url = "https://mine.example/mcp", upstream = new { auth = "header" } });
        using var there = await otto.SendAsync(HttpMethod.Put, "/servers/vault", new { url = "https://vault.example/mcp", display_name = "Vault", upstream = new { auth = "header" } });

        Assert.That((await elsewhere.ProblemAsync(), there.StatusCode), Is.EqualTo(("server_invalid", HttpStatusCode.OK)));
    }

    [Test]
    public async Task What_is_changed_of_a_server_is_in_the_audit_but_no_secret()
    {
        var otto = await _scene.ClientAsync("otto");
        object Server(string key, object? tools) => new { url = $"https://files.example/mcp?api_key={key}", scopes = new Dictionary<string, string> { ["files:write"] = "Write" }, tools, upstream = new { auth = "header", header = "X-Key", value = key } };
        using var added = await otto.PostAsync("/servers", new { name = "files", server = Server("first-secret", new { write = "files:write" }) });
        Assert.That(added.StatusCode, Is.EqualTo(HttpStatusCode.Created), await added.Content.ReadAsStringAsync());

        using var changed = await otto.SendAsync(HttpMethod.Put, "/servers/files", Server("second-secret", null));

        Assert.That(changed.StatusCode, Is.EqualTo(HttpStatusCode.OK), await changed.Content.ReadAsStringAsync());
        var (before, after) = await ChangeAsync("server_changed", row => row.Line.Contains("files", StringComparison.Ordinal));
        Assert.That(before.Split("; "), Is.EquivalentTo(new[] { "tools.write: files:write", "upstream.value: is set", "url: https://files.example/mcp?…" }));
        Assert.That(after.Split("; "), Is.EquivalentTo(new[] { "tools.write: none", "upstream.value: is set anew", "url: https://files.example/mcp?… (another query)" }));
    }

    [Test]
    public async Task Which_role_somebody_had_is_in_the_audit_also_when_they_are_removed()
    {
        var owner = await _scene.ClientAsync();
        using var person = _scene.Person("emil");
        await (await OAuthClient.RegisterPublicAsync(_scene.Server)).ConnectAsync(person);
        var emil = await IdOfAsync(owner, "emil");
        using var granted = await owner.SendAsync(HttpMethod.Put, $"/roles/{emil}", new { role = "auditor" });
        Assert.That(granted.IsSuccessStatusCode, await granted.Content.ReadAsStringAsync());

        using var removed = await owner.DeleteAsync($"/users/{emil}");

        Assert.That(removed.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(await ChangeAsync("admin_role_revoked", row => row.Subject == emil), Is.EqualTo(("role: auditor", "role: none")));
        using var again = await owner.SendAsync(HttpMethod.Put, $"/roles/{emil}", new { role = "owner" });
        Assert.That(await again.ProblemAsync(), Is.EqualTo("user_not_found"));
    }

    private static async Task<string> IdOfAsync(AdminClient caller, string name) => (await (await caller.GetAsync($"/users?q={name}@")).JsonAsync()).GetProperty("items")[0].Text("user_id")!;

    private async Task<(string Before, string After)> ChangeAsync(string name, Func<AuditEntry, bool> isIt)
    {
        using var line = JsonDocument.Parse((await AuditRows.WaitForAsync(_scene.Server, name, condition: isIt))[0].Line);
        return (line.RootElement.Text("before")!, line.RootElement.Text("after")!);
    }
}
