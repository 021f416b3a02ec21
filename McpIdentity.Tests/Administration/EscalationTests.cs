using System.Net;
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
}
