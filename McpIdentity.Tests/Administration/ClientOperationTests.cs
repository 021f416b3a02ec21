using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Tests.AdminPages;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Administration;

/// <summary>Clients over the admin API: made, changed, refused, forgotten.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class ClientOperationTests
{
    private AdminScene _scene = null!;
    private AdminClient _owner = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _scene = await AdminScene.StartAsync();
        _owner = await _scene.ClientAsync();
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _scene.DisposeAsync();

    [Test]
    public async Task A_service_is_made_and_its_secret_is_shown_once()
    {
        using var created = await _owner.PostAsync("/clients", new { kind = "service", name = "Nightly report" });
        Assert.That(created.StatusCode, Is.EqualTo(HttpStatusCode.Created), await created.Content.ReadAsStringAsync());
        var made = await created.JsonAsync();
        var client = OAuthClient.Of(_scene.Server, made.GetProperty("client").Text("client_id")!, made.Text("client_secret"), "");

        using var token = await client.TokenAsync(("grant_type", "client_credentials"));
        using var read = await _owner.GetAsync(created.Headers.Location!.OriginalString[AdminClient.Prefix.Length..]);

        Assert.That(token.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await read.JsonAsync()).Text("kind"), Is.EqualTo("created"));
        Assert.That(await read.Content.ReadAsStringAsync(), Does.Not.Contain("secret\":"));
    }

    [Test]
    public async Task An_app_is_made_from_a_preset_and_people_connect_with_it()
    {
        using var created = await _owner.PostAsync("/clients", new { kind = "app", preset = "inspector", client_id = "our-inspector" });
        var made = (await created.JsonAsync()).GetProperty("client");
        using var alice = _scene.Person("emil");
        using var approved = await _owner.PatchAsync($"/clients/{(await OAuthClient.RegisterPublicAsync(_scene.Server)).ClientId}", new { pre_approved = true });
        Assert.That(await approved.ProblemAsync(), Is.EqualTo("invalid_request"), "of one that registered itself nobody knows who it is");

        var granted = await OAuthClient.Of(_scene.Server, "our-inspector", null, made.GetProperty("redirect_uris")[0].GetString()!).ConnectAsync(alice);

        Assert.That(granted.Text("access_token"), Is.Not.Null);
    }

    // RFC 6749 §2.3.1.
    [Test]
    public async Task A_rotated_secret_leaves_the_old_one_good_for_its_overlap_and_no_longer()
    {
        var service = await CreateServiceAsync("rotating");
        using var rotated = await _owner.PostAsync("/clients/rotating/rotate-secret", new { overlap_hours = 1 });
        var answer = await rotated.JsonAsync();
        var renewed = OAuthClient.Of(_scene.Server, "rotating", answer.Text("client_secret"), "");

        Assert.That((await StatusAsync(service), await StatusAsync(renewed)), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK)));
        Assert.That(answer.GetProperty("client").Text("previous_secret_until"), Is.EqualTo((_scene.Server.Clock.GetUtcNow() + TimeSpan.FromHours(1)).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture)));
        _scene.Server.Clock.Advance(TimeSpan.FromMinutes(61));
        Assert.That((await StatusAsync(service), await StatusAsync(renewed)), Is.EqualTo((HttpStatusCode.Unauthorized, HttpStatusCode.OK)));

        _owner = await _scene.ClientAsync(); // whose token has expired meanwhile
        using var atOnce = await _owner.PostAsync("/clients/rotating/rotate-secret", new { overlap_hours = 0 });
        Assert.That((await StatusAsync(renewed), await StatusAsync(OAuthClient.Of(_scene.Server, "rotating", (await atOnce.JsonAsync()).Text("client_secret"), ""))), Is.EqualTo((HttpStatusCode.Unauthorized, HttpStatusCode.OK)));
    }

    [TestCase(true, HttpStatusCode.Unauthorized), TestCase(false, HttpStatusCode.OK)]
    public async Task A_disabled_client_gets_nothing_new_and_loses_what_it_holds_only_if_asked(bool revoke, HttpStatusCode afterwards)
    {
        var service = await CreateServiceAsync($"disabled-{revoke}");
        using var before = await service.TokenAsync(("grant_type", "client_credentials"));
        var held = (await before.JsonAsync()).Text("access_token");

        using var disabled = await _owner.PostAsync($"/clients/disabled-{revoke}/disable", new { revoke });

        Assert.That((await disabled.JsonAsync()).Text("status"), Is.EqualTo("disabled"));
        Assert.That(await StatusAsync(service), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That((await new McpCaller(_scene.Server).CallAsync("tools/list", bearer: held)).Status, Is.EqualTo((int)afterwards));
        _scene.Server.Clock.Advance(TimeSpan.FromSeconds(5)); // what it gets anew is told from what was revoked
        using var enabled = await _owner.PostAsync($"/clients/disabled-{revoke}/enable");
        Assert.That(await StatusAsync(service), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_client_of_the_settings_is_read_only()
    {
        using var changed = await _owner.PatchAsync("/clients/robot", new { name = "x" });
        using var deleted = await _owner.DeleteAsync("/clients/robot");

        Assert.That((await changed.ProblemAsync(), await deleted.ProblemAsync()), Is.EqualTo(("configured", "configured")));
    }

    // RFC 9110 §13.1.1.
    [Test]
    public async Task Of_two_who_change_what_they_saw_the_second_is_told()
    {
        await CreateServiceAsync("contested");
        using var seen = await _owner.GetAsync("/clients/contested");
        var tag = seen.Headers.ETag!.ToString();

        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => _owner.PatchAsync("/clients/contested", new { name = $"name {i}" }, ("If-Match", tag))));

        Assert.That(answers.Count(answer => answer.StatusCode == HttpStatusCode.OK), Is.EqualTo(1));
        Assert.That(answers.Count(answer => answer.StatusCode == HttpStatusCode.PreconditionFailed), Is.EqualTo(5));
        var written = answers.Single(answer => answer.IsSuccessStatusCode);
        using var now = await _owner.GetAsync("/clients/contested");
        Assert.That(now.Headers.ETag, Is.EqualTo(written.Headers.ETag));
        using var stale = await _owner.DeleteAsync("/clients/contested", ("If-Match", tag));
        Assert.That(await stale.ProblemAsync(), Is.EqualTo("changed_meanwhile"));
        using var gone = await _owner.DeleteAsync("/clients/contested", ("If-Match", now.Headers.ETag!.ToString()));
        Assert.That(gone.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
    }

    [Test]
    public async Task Eight_at_once_with_one_key_make_one_client()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _owner.PostAsync("/clients", new { kind = "service", name = "once" }, ("Idempotency-Key", "eight"))));

        Assert.That(answers.Select(answer => (int)answer.StatusCode).Distinct().Order(), Is.SubsetOf(new[] { 201, 409 }).And.Member(201));
        using var again = await _owner.PostAsync("/clients", new { kind = "service", name = "once" }, ("Idempotency-Key", "eight"));
        using var other = await _owner.PostAsync("/clients", new { kind = "service", name = "another" }, ("Idempotency-Key", "eight"));
        using var list = await _owner.GetAsync("/clients?q=once");
        Assert.That(again.Headers.GetValues("Idempotent-Replayed"), Is.EqualTo(new[] { "true" }));
        Assert.That(await again.Content.ReadAsStringAsync(), Is.EqualTo(await answers.First(answer => (int)answer.StatusCode == 201).Content.ReadAsStringAsync()));
        Assert.That(((int)other.StatusCode, await other.ProblemAsync()), Is.EqualTo((422, "idempotency_key_reused")));
        Assert.That((await list.JsonAsync()).GetProperty("items").GetArrayLength(), Is.EqualTo(1));
    }

    [Test]
    public async Task A_key_is_free_again_after_a_refusal_and_after_a_day()
    {
        using var refused = await _owner.PostAsync("/clients", new { kind = "app" }, ("Idempotency-Key", "free"));
        using var made = await _owner.PostAsync("/clients", new { kind = "service", name = "free" }, ("Idempotency-Key", "free"));

        Assert.That(((int)refused.StatusCode, (int)made.StatusCode), Is.EqualTo((422, 201)));
        await using var scope = _scene.Server.Services.CreateAsyncScope();
        var answers = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().IdempotentAnswers;
        Assert.That((await answers.Select(answer => answer.ExpiresAt).ToListAsync()).Max(), Is.EqualTo(_scene.Server.Clock.GetUtcNow().AddDays(1)).Within(TimeSpan.FromSeconds(1)));
        await answers.ExecuteUpdateAsync(set => set.SetProperty(answer => answer.ExpiresAt, _scene.Server.Clock.GetUtcNow()));
        using var other = await _owner.PostAsync("/clients", new { kind = "service", name = "freed" }, ("Idempotency-Key", "free"));
        Assert.That(other.StatusCode, Is.EqualTo(HttpStatusCode.Created));
    }

    [TestCase("client_id"), TestCase("name"), TestCase("registered"), TestCase("last_used")]
    public async Task A_list_is_walked_through_while_clients_come_and_go(string sort)
    {
        string[] ids = [.. Enumerable.Range(0, 9).Select(i => $"walk-{sort.Replace('_', '-')}-{i}")];
        foreach (var id in ids)
        {
            await CreateServiceAsync(id);
        }

        var seen = new List<string>();
        string? cursor = null;
        do
        {
            using var page = await _owner.GetAsync($"/clients?q=walk-{sort.Replace('_', '-')}&sort={sort}&limit=2{(cursor is null ? "" : $"&cursor={cursor}")}");
            var answer = await page.JsonAsync();
            seen.AddRange(answer.GetProperty("items").EnumerateArray().Select(item => item.Text("client_id")!));
            cursor = answer.Text("next");
            if (seen.Count == 4)
            {
                (await _owner.DeleteAsync($"/clients/{seen[3]}")).Dispose(); // where the next page begins
                await CreateServiceAsync($"walk-{sort.Replace('_', '-')}-00");
            }
        }
        while (cursor is not null);

        Assert.That(seen.Intersect(ids), Is.EquivalentTo(ids));
        Assert.That(seen, Is.Unique);
    }

    [Test]
    public async Task A_cursor_continues_its_own_list_alone()
    {
        await CreateServiceAsync("cursor-1");
        await CreateServiceAsync("cursor-2");
        using var page = await _owner.GetAsync("/clients?q=cursor-&limit=1");
        var cursor = (await page.JsonAsync()).Text("next")!;

        using var tampered = await _owner.GetAsync($"/clients?q=cursor-&limit=1&cursor={cursor.Altered()}");
        using var elsewhere = await _owner.GetAsync($"/clients?q=other&limit=1&cursor={cursor}");

        Assert.That((await tampered.ProblemAsync(), await elsewhere.ProblemAsync()), Is.EqualTo(("invalid_parameter", "invalid_parameter")));
    }

    [Test]
    public async Task Clients_that_nobody_uses_are_counted_and_then_forgotten()
    {
        var unused = await OAuthClient.RegisterServiceAsync(_scene.Server);
        await OAuthClient.RegisterServiceAsync(_scene.Server); // somebody else's, of now
        var held = await OAuthClient.RegisterPublicAsync(_scene.Server); // and one with a refresh token that is good
        using var hugo = _scene.Person("hugo");
        await held.ConnectAsync(hugo);
        await using (var scope = _scene.Server.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Clients.Where(client => client.ClientId == unused.ClientId || client.ClientId == held.ClientId)
                .ExecuteUpdateAsync(set => set.SetProperty(client => EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt), _scene.Server.Clock.GetUtcNow() - TimeSpan.FromDays(40)));
        }

        using var counted = await _owner.PostAsync("/clients/prune");
        using var pruned = await _owner.PostAsync("/clients/prune", new { unused_days = 30, dry_run = false });
        using var gone = await _owner.GetAsync($"/clients/{unused.ClientId}");

        Assert.That((await counted.JsonAsync()).GetProperty("client_ids").EnumerateArray().Select(id => id.GetString()), Is.EqualTo(new[] { unused.ClientId }));
        Assert.That((await pruned.JsonAsync()).GetProperty("count").GetInt32(), Is.EqualTo(1));
        Assert.That(await gone.ProblemAsync(), Is.EqualTo("client_not_found"));
    }

    [TestCase("claude-code", "--client-id snippet"), TestCase("vscode", "\"clientId\": \"snippet\""), TestCase("cursor", "\"CLIENT_ID\": \"snippet\""), TestCase("inspector", "@modelcontextprotocol/inspector")]
    public async Task A_snippet_says_how_to_connect_as_this_client(string known, string part)
    {
        using var exists = await _owner.GetAsync("/clients/snippet");
        if (exists.StatusCode == HttpStatusCode.NotFound)
        {
            await CreateServiceAsync("snippet");
        }

        using var snippet = await _owner.GetAsync($"/clients/snippet/snippet?for={known}");

        Assert.That((await snippet.JsonAsync()).Text("snippet"), Does.Contain(part));
    }

    // RFC 8252 §8.6.
    [TestCase("http://127.0.0.1/callback", false, true), TestCase("cursor://desk/callback", false, true), TestCase("https://desk.example/callback", false, false), TestCase("http://127.0.0.1/callback", true, false)]
    public async Task Who_approves_a_client_for_everybody_that_any_program_can_be_is_warned(string redirectUri, bool confidential, bool warned)
    {
        using var made = await _owner.PostAsync("/clients", new { kind = "app", name = "Approved", redirect_uris = new[] { redirectUri }, confidential });
        var asks = (await made.JsonAsync()).GetProperty("client");
        var path = $"/clients/{asks.Text("client_id")}";
        using var changed = await _owner.PatchAsync(path, new { pre_approved = true });
        using var other = await _owner.PostAsync("/clients", new { kind = "app", name = "Approved at once", redirect_uris = new[] { redirectUri }, confidential, pre_approved = true });
        using var olga = _scene.Person("olga");
        var console = new NoScriptHand(olga);
        await console.OpenAsync("/admin");
        await console.OpenAsync($"/admin/client?id={asks.Text("client_id")}");

        Assert.That(asks.TryGetProperty("warnings", out _), Is.False, "people are asked");
        Assert.That((await changed.JsonAsync()).TryGetProperty("warnings", out _), Is.EqualTo(warned));
        Assert.That((await other.JsonAsync()).GetProperty("client").TryGetProperty("warnings", out _), Is.EqualTo(warned));
        Assert.That((await console.TextAsync()).Contains("Any program on a person's computer", StringComparison.Ordinal), Is.EqualTo(warned));
    }

    private async Task<OAuthClient> CreateServiceAsync(string clientId)
    {
        using var created = await _owner.PostAsync("/clients", new { kind = "service", client_id = clientId, name = clientId });
        Assert.That(created.StatusCode, Is.EqualTo(HttpStatusCode.Created), await created.Content.ReadAsStringAsync());
        return OAuthClient.Of(_scene.Server, clientId, (await created.JsonAsync()).Text("client_secret"), "");
    }

    private static async Task<HttpStatusCode> StatusAsync(OAuthClient service)
    {
        using var response = await service.TokenAsync(("grant_type", "client_credentials"));
        return response.StatusCode;
    }
}
