using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Tests.Gateway;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Administration;

/// <summary>What the admin API does about sessions, grants, tokens, keys, servers, tools, policy, connections, registration and sign-in: docs/administration.md.</summary>
[Category("Administration")]
[Parallelizable(ParallelScope.Self)]
internal sealed class AdminActsTests
{
    private const string Secret = "Bearer a-secret-of-the-notes";

    private AdminScene _scene = null!;
    private ScriptedServer _upstream = null!;
    private AdminScript _owner = null!;
    private AdminScript _service = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _upstream = await ScriptedServer.StartAsync(ScriptedServer.Tool("read", annotations: "{\"readOnlyHint\":true}"), ScriptedServer.Tool("drop"));
        _scene = await AdminScene.StartAsync(
            $"Gateway:Servers:fixed:Url={_upstream.Url}", "Gateway:Servers:fixed:Review=New", "Gateway:CatalogueRefresh=0", "OAuth:AllowedEmailDomains:0=example.com", "OAuth:Registration:Policy=Hosts",
            "OAuth:Registration:AllowedRedirectHosts:0=http-loopback", "OAuth:Registration:AllowedRedirectHosts:1=client.example", "OAuth:Registration:AllowedRedirectHosts:2=*.client.example");
        _owner = new AdminScript(await _scene.ClientAsync(isFresh: false));
        _service = new AdminScript(await _scene.ServiceAsync(), _owner);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _scene.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    /// <summary>In this order: each step leaves what the next one finds, and the last knows what all have called.</summary>
    [Test]
    public async Task Every_operation_does_what_it_says_and_refuses_what_it_must()
    {
        await Sessions_are_listed_shown_and_ended_one_by_one_or_all_of_a_person();
        await Grants_are_listed_by_page_while_they_come_and_go_and_end_one_by_one_or_by_a_selection();
        await Tokens_are_looked_into_without_their_signature_and_ended();
        await Keys_are_rotated_and_their_private_halves_shown_to_nobody();
        await Servers_are_added_changed_tested_and_removed_and_their_secrets_shown_to_nobody();
        await Tools_are_reviewed_allowed_and_blocked();
        await A_policy_is_checked_compared_applied_asked_and_rolled_back();
        await Connections_are_listed_and_removed_and_a_registration_elsewhere_forgotten();
        await Who_may_register_and_sign_in_is_shown_and_tried_and_tokens_for_it_are_made_once();
        await The_settings_are_shown_without_secrets_and_the_overview_counts();

        string[] all = [.. Own().Select(operation => operation.Id)];
        Assert.That(all.Except(_owner.Done), Is.Empty, "done");
        Assert.That(all.Except(_owner.Refused), Is.Empty, "refused");
    }

    private async Task Sessions_are_listed_shown_and_ended_one_by_one_or_all_of_a_person()
    {
        var (client, tokens) = await ConnectAsync();
        var list = await _owner.DoAsync("list_sessions", "/sessions?user=EMIL@example.com");
        var session = list.GetProperty("items").EnumerateArray().Single();
        Assert.That((session.Text("user_id"), session.Text("email"), session.Text("provider")), Is.EqualTo((new JsonWebToken(tokens.Text("access_token")).Subject, "emil@example.com", "google")));
        var id = session.Text("id")!;
        Assert.That((await _owner.DoAsync("list_sessions", $"/sessions?client={client.ClientId}")).GetProperty("items").EnumerateArray().Select(one => one.Text("id")), Is.EqualTo([id]));
        await _owner.RefusedAsync("list_sessions", "/sessions?user=nobody@example.com", 404, "user_not_found");
        await _owner.DoAsync("get_session", $"/sessions/{id}");
        await _owner.RefusedAsync("get_session", "/sessions/nothing", 404, "session_not_found");

        await _owner.DoAsync("end_session", $"/sessions/{id}");
        await _owner.RefusedAsync("end_session", $"/sessions/{id}", 404, "session_not_found");
        Assert.That((await _scene.Server.Http.CallToolAsync(tokens.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.Unauthorized));

        await ConnectAsync();
        await ConnectAsync();
        Assert.That((await _owner.DoAsync("end_sessions", "/sessions/end-all", new { user = "emil@example.com" })).GetProperty("count").GetInt32(), Is.EqualTo(2));
        await _owner.RefusedAsync("end_sessions", "/sessions/end-all", 404, "user_not_found", new { user = "nobody@example.com" });
        Assert.That((await _owner.DoAsync("list_sessions", "/sessions?user=emil@example.com")).GetProperty("items").GetArrayLength(), Is.Zero);
        await RecordedAsync("session_ended", "sessions_ended");
        _scene.Server.Clock.Advance(TimeSpan.FromSeconds(10)); // what a person is given in the moment that ends all of theirs has ended too
    }

    private async Task Grants_are_listed_by_page_while_they_come_and_go_and_end_one_by_one_or_by_a_selection()
    {
        var (client, _) = await ConnectAsync();
        var (other, _) = await ConnectAsync();
        for (var i = 0; i < 3; i++)
        {
            await ConnectAsync(client); // all of one moment: the clock stands still
        }

        var items = (await _owner.DoAsync("list_grants", "/grants?user=emil@example.com")).GetProperty("items").EnumerateArray().ToList();
        var all = items.ConvertAll(grant => grant.Text("id")!);
        Assert.That(all, Has.Count.EqualTo(5));
        var ofOther = items[1].Text("client_id") == other.ClientId ? 0 : 1; // they are in the order of their identifiers
        var first = await _owner.DoAsync("list_grants", "/grants?user=emil@example.com&limit=2");
        await _owner.DoAsync("revoke_grant", $"/grants/{all[1]}"); // the very one that the cursor names
        var rest = await _owner.DoAsync("list_grants", $"/grants?user=emil@example.com&cursor={Uri.EscapeDataString(first.Text("next")!)}");
        Assert.That(rest.GetProperty("items").EnumerateArray().Select(grant => grant.Text("id")), Is.EqualTo(all.Skip(2)));
        await _owner.RefusedAsync("list_grants", "/grants?client=nothing", 404, "client_not_found");
        var shown = await _owner.DoAsync("get_grant", $"/grants/{all[2]}");
        Assert.That((shown.Text("resource"), shown.GetProperty("scopes").EnumerateArray().Select(scope => scope.GetString())), Is.EqualTo((_scene.Server.McpUrl, (string[])["mcp", "mcp:call"])));
        await _owner.RefusedAsync("get_grant", $"/grants/{all[1]}", 404, "grant_not_found");
        await _owner.RefusedAsync("revoke_grant", "/grants/nothing", 404, "grant_not_found");

        await _owner.RefusedAsync("revoke_grants", "/grants/revoke-all", 422, "invalid_request", new { });
        Assert.That((await _owner.DoAsync("revoke_grants", "/grants/revoke-all", new { user = "emil@example.com", client = other.ClientId })).GetProperty("count").GetInt32(), Is.EqualTo(ofOther));
        Assert.That((await _owner.DoAsync("revoke_grants", "/grants/revoke-all", new { user = "emil@example.com", resource = _scene.Server.McpUrl })).GetProperty("count").GetInt32(), Is.EqualTo(4 - ofOther));
        Assert.That((await _owner.DoAsync("list_grants", "/grants?user=emil@example.com")).GetProperty("items").GetArrayLength(), Is.Zero);
        await RecordedAsync("grant_revoked", "grants_revoked");
    }

    private async Task Tokens_are_looked_into_without_their_signature_and_ended()
    {
        var (_, tokens) = await ConnectAsync();
        var (access, refresh) = (tokens.Text("access_token")!, tokens.Text("refresh_token")!);
        var jwt = new JsonWebToken(access);

        var found = await _owner.DoAsync("look_up_token", "/tokens/look-up", new { token = "Bearer " + access });
        Assert.That((found.Text("kind"), found.GetProperty("accepted").GetBoolean(), found.Text("email"), found.Text("token_id"), found.Text("key_state")), Is.EqualTo(("access_token", true, "emil@example.com", jwt.Id, "current")));
        Assert.That(found.GetRawText(), Does.Not.Contain(access.Split('.')[2]));
        Assert.That((await _owner.DoAsync("look_up_token", "/tokens/look-up", new { token = access.Altered() })).Text("kind"), Is.EqualTo("jwt"), "signed by nobody here");
        Assert.That((await _owner.DoAsync("look_up_token", "/tokens/look-up", new { token = refresh })).Text("grant_id"), Is.EqualTo(jwt.GetClaim("oi_au_id").Value));
        await _owner.RefusedAsync("look_up_token", "/tokens/look-up", 404, "token_not_found", new { token = "opaque" });

        Assert.That((await _owner.DoAsync("get_token", $"/tokens/{jwt.Id}")).GetProperty("accepted").GetBoolean(), Is.True);
        await new AdminScript(new AdminClient(_scene.Server, null), _owner).RefusedAsync("get_token", $"/tokens/{jwt.Id}", 401, "unauthorized");
        await _owner.DoAsync("revoke_token_by_id", $"/tokens/{jwt.Id}");
        foreach (var never in new[] { "seed", new string('x', 65), jwt.Id.ToUpperInvariant(), $"{jwt.Id}%20" })
        {
            await _owner.RefusedAsync("revoke_token_by_id", $"/tokens/{never}", 404, "token_not_found");
        }

        await _owner.DoAsync("revoke_token_by_id", $"/tokens/{jwt.Id}");
        await using (var rows = _scene.Server.Services.CreateAsyncScope())
        {
            var until = await rows.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Revocations.Where(row => row.Kind == RevocationKind.Token).Select(row => row.ExpiresAt).ToListAsync();
            Assert.That(until, Has.Count.EqualTo(1), "what was never issued takes no room, and what has ended no more");
            Assert.That(until[0], Is.GreaterThan(new DateTimeOffset(jwt.ValidTo)).And.LessThan(_scene.Server.Clock.GetUtcNow() + TimeSpan.FromDays(1)), "and it is forgotten with the last token that can have it");
        }

        Assert.That((await _owner.DoAsync("look_up_token", "/tokens/look-up", new { token = access })).Text("revoked_by"), Is.EqualTo("token"));
        Assert.That((await _owner.DoAsync("look_up_token", "/tokens/look-up", new { token = refresh })).GetProperty("accepted").GetBoolean(), Is.True, "the grant lives on");

        Assert.That((await _owner.DoAsync("revoke_token", "/tokens/revoke", new { token = refresh })).Text("revoked_by"), Is.EqualTo("grant"));
        await _owner.RefusedAsync("revoke_token", "/tokens/revoke", 404, "token_not_found", new { token = "opaque" });
        await RecordedAsync("token_revoked", "grant_revoked");

        var minted = await _service.DoAsync("mint_token", "/tokens/mint", new { subject = "carol", ttl = "5m" });
        Assert.That((await _scene.Server.Http.CallToolAsync(minted.Text("token"))).Status, Is.EqualTo(HttpStatusCode.OK));
        await _service.RefusedAsync("mint_token", "/tokens/mint", 409, "no_jwt_secret", new { subject = "carol", kind = "jwt" });
        await _service.RefusedAsync("mint_token", "/tokens/mint", 422, "invalid_request", new { subject = "carol", ttl = "soon" });
        await using var scope = _scene.Server.Services.CreateAsyncScope();
        Assert.That(await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().AuditEntries.Where(act => act.Line.Contains(access) || act.Line.Contains(refresh)).CountAsync(), Is.Zero);
    }

    private async Task Keys_are_rotated_and_their_private_halves_shown_to_nobody()
    {
        Assert.That((await _owner.DoAsync("list_keys", "/keys")).GetProperty("keys").EnumerateArray().Select(key => key.Text("state")), Is.EqualTo(["current"]));
        Assert.That((await _service.DoAsync("rotate_keys", "/keys/rotate", new { now = true })).GetProperty("keys").EnumerateArray().Select(key => key.Text("state")), Is.EqualTo(["next", "current"]));
        var published = await _owner.DoAsync("get_key_set", "/key-set");
        Assert.That(published.GetProperty("keys")[0].EnumerateObject().Select(member => member.Name), Is.EquivalentTo(["kty", "use", "alg", "kid", "crv", "x", "y"]));
        var operatorScript = new AdminScript(await _scene.ClientAsync("otto", isFresh: false), _owner);
        await operatorScript.RefusedAsync("rotate_keys", "/keys/rotate", 403, "insufficient_scope");
        var nobody = new AdminScript(new AdminClient(_scene.Server, null), _owner);
        await nobody.RefusedAsync("list_keys", "/keys", 401, "unauthorized");
        await nobody.RefusedAsync("get_key_set", "/key-set", 401, "unauthorized");
    }

    private async Task Servers_are_added_changed_tested_and_removed_and_their_secrets_shown_to_nobody()
    {
        var upstream = new { auth = "header", value = Secret };
        var added = await _owner.DoAsync("add_server", "/servers", new { name = "notes", server = new { url = _upstream.Url, display_name = "Our notes", scopes = new Dictionary<string, string> { ["notes:read"] = "Read notes" }, upstream } });
        Assert.That((added.Text("display_name"), added.Text("auth"), added.Text("value"), added.Text("changed_by")), Is.EqualTo(("Our notes", "header", "is set", "olga@example.com")));
        await _owner.RefusedAsync("add_server", "/servers", 409, "server_exists", new { name = "notes", server = new { url = _upstream.Url } });
        await _owner.RefusedAsync("add_server", "/servers", 422, "server_invalid", new { name = "other", server = new { url = "ftp://files.example" } });

        using var read = await _owner.Client.GetAsync("/servers/notes");
        var tag = read.Headers.ETag!.ToString();
        var changed = await _owner.DoAsync("replace_server", "/servers/notes", new { url = _upstream.Url, display_name = "Notes", upstream = new { auth = "header" } }, ("If-Match", tag));
        Assert.That((changed.Text("display_name"), changed.Text("value")), Is.EqualTo(("Notes", "is set")), "what nobody is shown stays");
        await _owner.RefusedAsync("replace_server", "/servers/notes", 412, "changed_meanwhile", new { url = _upstream.Url }, ("If-Match", tag));
        await _owner.RefusedAsync("replace_server", "/servers/notes", 422, "server_invalid", new { url = "http://elsewhere.example/mcp", upstream = new { auth = "header" } });
        await _owner.RefusedAsync("replace_server", "/servers/nothing", 404, "server_not_found", new { url = _upstream.Url });

        var list = await _owner.DoAsync("list_servers", "/servers");
        Assert.That(list.GetProperty("items").EnumerateArray().Select(server => (server.Text("name"), server.Text("from"))), Is.EqualTo([("fixed", "configuration"), ("notes", "stored")]));
        Assert.That((await _owner.DoAsync("get_server", "/servers/notes")).GetRawText() + list.GetRawText() + added.GetRawText(), Does.Not.Contain("a-secret"));
        await _owner.RefusedAsync("get_server", "/servers/nothing", 404, "server_not_found");
        await _owner.RefusedAsync("list_servers", "/servers?cursor=invented", 400, "invalid_parameter");

        var test = await _owner.DoAsync("test_server", "/servers/notes/test", new { user = "olga@example.com" });
        Assert.That(test.GetProperty("tools").EnumerateArray().Select(tool => (tool.Text("name"), tool.Text("says"), tool.Text("effect"))), Is.EqualTo([("read", "reads", "deny"), ("drop", "nothing", "deny")]));
        Assert.That(_upstream.Upstream.Requests.Last()["Authorization"], Is.EqualTo(Secret));
        await _owner.RefusedAsync("test_server", "/servers/notes/test", 404, "user_not_found", new { user = "nobody@example.com" });

        await _owner.RefusedAsync("remove_server", "/servers/fixed", 409, "configured");
        await _owner.DoAsync("remove_server", "/servers/notes");
        await RecordedAsync("server_added", "server_changed", "server_tested", "server_removed");
    }

    private async Task Tools_are_reviewed_allowed_and_blocked()
    {
        await StoreAsync(Tool("read", "aaaaaaaaaaaaaaaa"), Tool("drop", "bbbbbbbbbbbbbbbb"));

        Assert.That((await _owner.DoAsync("list_tools", "/tools?server=fixed&state=new")).GetProperty("items").EnumerateArray().Select(tool => tool.Text("name")), Is.EqualTo(["drop", "read"]));
        var review = await _owner.DoAsync("list_tool_reviews", "/tool-reviews?server=fixed&limit=1");
        Assert.That((review.GetProperty("items")[0].Text("after"), review.Text("next")?.Length > 0), Is.EqualTo(("Does it.", true)));
        await _owner.RefusedAsync("list_tools", "/tools?server=nothing", 404, "server_not_found");
        await _owner.RefusedAsync("list_tool_reviews", "/tool-reviews?server=nothing", 404, "server_not_found");

        await _owner.RefusedAsync("allow_tools", "/servers/fixed/tools/allow", 409, "tool_changed", new { tools = new[] { new { name = "read", version = "0000" } } });
        await _owner.RefusedAsync("allow_tools", "/servers/fixed/tools/allow", 404, "tool_not_found", new { tools = new[] { new { name = "nothing" } } });
        Assert.That((await _owner.DoAsync("allow_tools", "/servers/fixed/tools/allow", new { tools = new[] { new { name = "read", version = "aaaa" } } })).GetProperty("done")[0].GetString(), Is.EqualTo("read"));
        await _owner.DoAsync("block_tools", "/servers/fixed/tools/block", new { tools = new[] { "drop" } });
        await _owner.RefusedAsync("block_tools", "/servers/fixed/tools/block", 422, "invalid_request", new { tools = Array.Empty<string>() });
        Assert.That((await _owner.DoAsync("list_tools", "/tools?server=fixed")).GetProperty("items").EnumerateArray().Select(tool => (tool.Text("name"), tool.Text("state"))), Is.EqualTo([("drop", "blocked"), ("read", "open")]));
        await RecordedAsync("tool_allowed", "tool_blocked");

        static GatewayTool Tool(string name, string hash) => new()
        {
            Server = "fixed",
            Name = name,
            Hash = hash,
            FirstHash = hash,
            Document = ScriptedServer.Tool(name),
            FirstSeenAt = DateTimeOffset.UnixEpoch,
            LastSeenAt = DateTimeOffset.UnixEpoch,
        };
    }

    private async Task A_policy_is_checked_compared_applied_asked_and_rolled_back()
    {
        var open = JsonElement.Parse("""{ "Rules": [ { "Servers": "fixed", "Effect": "allow" } ] }""");
        var strict = JsonElement.Parse("""{ "Rules": [ { "Servers": "fixed", "Tools": "read", "Effect": "allow" } ] }""");
        var wrong = JsonElement.Parse("""{ "Rules": [ { "Effect": "permit" } ] }""");

        Assert.That((await _owner.DoAsync("check_policy", "/policy/check", new { document = open })).GetProperty("rules").GetInt32(), Is.EqualTo(1));
        await _owner.RefusedAsync("check_policy", "/policy/check", 422, "policy_invalid", new { document = wrong });
        await _owner.DoAsync("apply_policy", "/policy/versions", new { document = open, note = "the first" });
        await _owner.RefusedAsync("apply_policy", "/policy/versions", 422, "policy_invalid", new { document = wrong });
        await new AdminScript(await _scene.ClientAsync("otto", isFresh: false), _owner).RefusedAsync("apply_policy", "/policy/versions", 403, "role_missing", new { document = strict });
        Assert.That((await _owner.DoAsync("get_policy", "/policy")).GetProperty("rules")[0].Text("place"), Is.EqualTo("stored policy, rule 1"));

        var changes = await _owner.DoAsync("diff_policy", "/policy/diff", new { document = strict, users = new[] { "olga@example.com" } });
        Assert.That(changes.GetProperty("changes").EnumerateArray().Select(change => $"{change.Text("change")} {change.Text("user")} {change.Text("server")} {change.Text("what")} {change.Text("effect")}"),
            Does.Contain("decision olga@example.com fixed drop allow -> deny").Or.Contain("decision olga@example.com fixed (any other) allow -> deny"));
        await _owner.RefusedAsync("diff_policy", "/policy/diff", 404, "user_not_found", new { document = strict, users = new[] { "nobody" } });
        Assert.That((await _owner.DoAsync("test_policy", "/policy/test", new { server = "fixed", user = "emil@example.com", tool = "drop" })).Text("effect"), Is.EqualTo("allow"));
        Assert.That((await _owner.DoAsync("test_policy", "/policy/test", new { server = "fixed", user = "stranger@example.com", tool = "drop", document = strict })).Text("effect"), Is.EqualTo("deny"));
        await _owner.RefusedAsync("test_policy", "/policy/test", 422, "invalid_request", new { server = "fixed", user = "emil@example.com" });

        await _owner.DoAsync("apply_policy", "/policy/versions", new { document = strict });
        Assert.That((await _owner.DoAsync("roll_back_policy", "/policy/versions/1/apply")).GetProperty("version").Text("note"), Is.EqualTo("as version 1"));
        await _owner.RefusedAsync("roll_back_policy", "/policy/versions/99/apply", 404, "policy_version_not_found");
        var page = await _owner.DoAsync("list_policy_versions", "/policy/versions?limit=2");
        Assert.That(page.GetProperty("items").EnumerateArray().Select(version => (version.GetProperty("version").GetInt64(), version.GetProperty("in_force").GetBoolean())), Is.EqualTo([(3L, true), (2L, false)]));
        Assert.That((await _owner.DoAsync("list_policy_versions", $"/policy/versions?limit=2&cursor={Uri.EscapeDataString(page.Text("next")!)}")).GetProperty("items")[0].Text("note"), Is.EqualTo("the first"));
        Assert.That((await _owner.DoAsync("get_policy_version", "/policy/versions/2")).Text("document"), Does.Contain("read"));
        await _owner.RefusedAsync("get_policy_version", "/policy/versions/first", 404, "policy_version_not_found");
        await _owner.RefusedAsync("list_policy_versions", "/policy/versions?limit=0", 400, "invalid_parameter");
        await new AdminScript(await _scene.ClientAsync("hugo", isFresh: false), _owner).RefusedAsync("get_policy", "/policy", 403, "role_missing");
        await RecordedAsync("policy_applied", "policy_rolled_back");
    }

    private async Task Connections_are_listed_and_removed_and_a_registration_elsewhere_forgotten()
    {
        var (_, tokens) = await ConnectAsync();
        var userId = new JsonWebToken(tokens.Text("access_token")).Subject;
        await StoreAsync(new UpstreamConnection { Server = "fixed", UserId = userId, Tokens = "nothing that could be read" }, new UpstreamRegistration { Server = "fixed", Issuer = "https://issuer.example", ClientId = "us", Document = "nothing" });

        Assert.That((await _owner.DoAsync("list_connections", "/connections?user=emil@example.com&server=fixed")).GetProperty("items")[0].Text("email"), Is.EqualTo("emil@example.com"));
        await _owner.RefusedAsync("list_connections", "/connections?user=nobody@example.com", 404, "user_not_found");
        await _owner.DoAsync("remove_connection", $"/connections/fixed/{userId}");
        await _owner.RefusedAsync("remove_connection", $"/connections/fixed/{userId}", 404, "connection_not_found");
        await _owner.DoAsync("forget_client", "/servers/fixed/forget-client");
        await _owner.RefusedAsync("forget_client", "/servers/fixed/forget-client", 404, "registration_not_found");
        await RecordedAsync("account_disconnected");
    }

    private async Task Who_may_register_and_sign_in_is_shown_and_tried_and_tokens_for_it_are_made_once()
    {
        Assert.That((await _owner.DoAsync("get_registration_policy", "/registration")).Text("policy"), Is.EqualTo("hosts"));
        var fine = await _owner.DoAsync("test_registration", "/registration/test", new { metadata = new { redirect_uris = new[] { "http://127.0.0.1:33418/" } } });
        Assert.That((fine.GetProperty("registered").GetBoolean(), fine.GetProperty("client").Text("application_type")), Is.EqualTo((true, "native")));
        var elsewhere = new { redirect_uris = new[] { "https://evil.test/callback" } };
        Assert.That((await _owner.DoAsync("test_registration", "/registration/test", new { metadata = elsewhere })).Text("rule"), Is.EqualTo("redirect_hosts"));
        Assert.That((await _owner.DoAsync("test_registration", "/registration/test", new { metadata = elsewhere, with_token = true })).GetProperty("registered").GetBoolean(), Is.True);
        Assert.That((await _owner.DoAsync("test_registration", "/registration/test", new { metadata = new { redirect_uris = new[] { "javascript:alert(1)" } } })).Text("error"), Is.EqualTo("invalid_redirect_uri"));
        await _owner.RefusedAsync("test_registration", "/registration/test", 400, "invalid_json", new { });

        var token = new { name = "build team", expires = "30d", max_uses = 2 };
        var made = await _owner.DoAsync("create_initial_access_token", "/initial-access-tokens", token, ("Idempotency-Key", "one"));
        Assert.That((await _owner.DoAsync("create_initial_access_token", "/initial-access-tokens", token, ("Idempotency-Key", "one"))).Text("token"), Is.EqualTo(made.Text("token")));
        await _owner.RefusedAsync("create_initial_access_token", "/initial-access-tokens", 409, "initial_access_token_exists", token);
        await _owner.RefusedAsync("create_initial_access_token", "/initial-access-tokens", 422, "invalid_request", new { name = "x", expires = "soon" });
        Assert.That((await _owner.DoAsync("look_up_token", "/tokens/look-up", new { token = made.Text("token") })).Text("name"), Is.EqualTo("build team"));
        Assert.That((await _owner.DoAsync("list_initial_access_tokens", "/initial-access-tokens")).GetProperty("items")[0].Text("state"), Is.EqualTo("good"));
        await _owner.DoAsync("revoke_initial_access_token", "/initial-access-tokens/build%20team");
        await _owner.RefusedAsync("revoke_initial_access_token", "/initial-access-tokens/build%20team", 404, "initial_access_token_not_found");
        Assert.That((await _owner.DoAsync("get_initial_access_token", "/initial-access-tokens/build%20team")).Text("state"), Is.EqualTo("revoked"));
        await _owner.RefusedAsync("get_initial_access_token", "/initial-access-tokens/nothing", 404, "initial_access_token_not_found");
        await RecordedAsync("initial_access_token_created", "initial_access_token_revoked");

        Assert.That((await _owner.DoAsync("get_sign_in_rules", "/sign-in-rules")).GetProperty("providers")[0].Text("id"), Is.EqualTo("google"));
        Assert.That((await _owner.DoAsync("test_sign_in", "/sign-in-rules/test", new { email = "anna@example.com" })).GetProperty("verdicts")[0].GetProperty("admitted").GetBoolean(), Is.True);
        Assert.That((await _owner.DoAsync("test_sign_in", "/sign-in-rules/test", new { email = "anna@evil.test" })).GetProperty("verdicts")[0].Text("rule"), Is.EqualTo("domain_not_allowed"));
        Assert.That((await _owner.DoAsync("test_sign_in", "/sign-in-rules/test", new { email = "anna@example.com", verified = false })).GetProperty("verdicts")[0].Text("rule"), Is.EqualTo("email_not_verified"));
        await _owner.RefusedAsync("test_sign_in", "/sign-in-rules/test", 404, "provider_not_found", new { email = "anna@example.com", provider = "nothing" });
    }

    private async Task The_settings_are_shown_without_secrets_and_the_overview_counts()
    {
        var secrets = await _owner.DoAsync("list_settings", "/settings?section=OAuth&limit=200");
        Assert.That(secrets.GetRawText(), Does.Contain("OAuth:EncryptionKey").And.Not.Contain("a test key of more").And.Not.Contain("a secret of the operators"));
        Assert.That((await _owner.DoAsync("list_settings", "/settings?section=Server&limit=1")).Text("next"), Is.Not.Null);
        var overview = await _owner.DoAsync("get_overview", "/overview");
        Assert.That((overview.GetProperty("clients").GetProperty("configured").GetInt32(), overview.GetProperty("users").GetInt32() > 1, overview.GetProperty("servers").GetInt32() > 0), Is.EqualTo((1, true, true)));
        Assert.That((await _owner.DoAsync("get_health", "/health")).GetProperty("servers").Text("fixed"), Is.Not.Null);
        var nobody = new AdminScript(new AdminClient(_scene.Server, null), _owner);
        foreach (var (id, path) in new[] { ("get_registration_policy", "/registration"), ("get_sign_in_rules", "/sign-in-rules"), ("list_settings", "/settings"), ("get_overview", "/overview"), ("get_health", "/health"), ("list_initial_access_tokens", "/initial-access-tokens") })
        {
            await nobody.RefusedAsync(id, path, 401, "unauthorized");
        }
    }

    /// <summary>Which role may do what; whoever may not is told so whatever they send.</summary>
    [Test]
    public async Task Each_role_may_do_what_is_its_own_and_nothing_else()
    {
        string[] helpdesk =
        [
            "list_sessions", "get_session", "end_session", "end_sessions", "list_grants", "get_grant", "revoke_grant", "revoke_grants", "look_up_token", "get_token", "revoke_token", "revoke_token_by_id",
            "list_connections", "remove_connection", "get_overview", "get_health",
        ];
        string[] changes =
        [
            "end_session", "end_sessions", "revoke_grant", "revoke_grants", "revoke_token", "revoke_token_by_id", "remove_connection", "add_server", "replace_server", "remove_server", "test_server", "forget_client",
            "allow_tools", "block_tools", "create_initial_access_token", "revoke_initial_access_token", "apply_policy", "roll_back_policy", "rotate_keys", "mint_token",
        ];
        string[] ofOwners = ["apply_policy", "roll_back_policy", "rotate_keys", "mint_token"];

        foreach (var (name, may) in new (string, Func<string, bool>)[] { ("hugo", helpdesk.Contains), ("anna", id => !changes.Contains(id)), ("otto", id => !ofOwners.Contains(id)) })
        {
            var client = await _scene.ClientAsync(name, isFresh: false);
            foreach (var operation in Own())
            {
                if (may(operation.Id) && operation.Method != "GET")
                {
                    continue; // what it does is done above
                }

                var body = operation.Body?.GetProperty("Example")!.GetValue(null);
                using var response = await client.SendAsync(
                    new HttpMethod(operation.Method), Regex.Replace(operation.Path, @"\{[a-z_]+\}", "1"), body is null ? null : JsonSerializer.Serialize(body, AdminJson.Default.GetTypeInfo(body.GetType())!));
                Assert.That(
                    response.StatusCode == HttpStatusCode.Forbidden && await response.ProblemAsync() is "role_missing" or "insufficient_scope", Is.EqualTo(!may(operation.Id)), $"{name} {operation.Id} {(int)response.StatusCode}");
            }
        }
    }

    private static IEnumerable<AdminOperation> Own()
    {
        string[] subjects = ["sessions", "grants", "tokens", "connections", "keys", "key-set", "servers", "tools", "tool-reviews", "policy", "registration", "initial-access-tokens", "sign-in-rules", "settings", "overview", "health"];
        return AdminApi.Create().Operations.Where(operation => subjects.Contains(operation.Subject));
    }

    private async Task<(OAuthClient Client, JsonElement Tokens)> ConnectAsync(OAuthClient? client = null)
    {
        client ??= await OAuthClient.RegisterPublicAsync(_scene.Server);
        using var emil = _scene.Person("emil");
        return (client, await client.ConnectAsync(emil));
    }

    private async Task RecordedAsync(params string[] events)
    {
        await using var scope = _scene.Server.Services.CreateAsyncScope();
        var acts = await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().AuditEntries.Where(act => events.Contains(act.Event) && act.Actor == "olga@example.com").ToListAsync();
        Assert.That(acts.Select(act => act.Event).Distinct(), Is.EquivalentTo(events));
        Assert.That(acts.Select(act => act.Line), Has.All.Contains("by the admin API"));
        Assert.That(acts.Select(act => (IPAddress.IsLoopback(IPAddress.Parse(act.Address!)), act.TraceId!.Length)), Has.All.EqualTo((true, 32)), "whoever has the reference of a page, or an address, finds what was done");
    }

    private async Task StoreAsync(params object[] rows)
    {
        await using var scope = _scene.Server.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        db.AddRange(rows);
        await db.SaveChangesAsync();
    }
}
