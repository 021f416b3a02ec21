using System.Net;
using McpIdentity.Migrations.Entities;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Administration;

/// <summary>People over the admin API.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class UserOperationTests
{
    private AdminScene _scene = null!;
    private AdminClient _operator = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _scene = await AdminScene.StartAsync();
        _operator = await _scene.ClientAsync("otto");
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _scene.DisposeAsync();

    [Test]
    public async Task Who_is_disabled_loses_what_they_granted_and_comes_back_when_enabled()
    {
        var client = await OAuthClient.RegisterPublicAsync(_scene.Server);
        using var emil = _scene.Person("emil");
        var granted = await client.ConnectAsync(emil);
        var found = (await (await _operator.GetAsync("/users?q=EMIL@")).JsonAsync()).GetProperty("items")[0];
        var path = $"/users/{found.Text("user_id")}";
        var before = await (await _operator.GetAsync(path)).JsonAsync();
        Assert.That((before.GetProperty("grants").GetInt32(), before.GetProperty("sessions").GetInt32()), Is.EqualTo((1, 1)));

        using var disabled = await _operator.PostAsync(path + "/disable");

        Assert.That((await disabled.JsonAsync()).GetProperty("user").Text("status"), Is.EqualTo("disabled"));
        Assert.That((await new McpCaller(_scene.Server).CallAsync("tools/list", bearer: granted.Text("access_token"))).Status, Is.EqualTo(401));
        _scene.Server.Clock.Advance(TimeSpan.FromSeconds(5));
        using var enabled = await _operator.PostAsync(path + "/enable");
        Assert.That((await enabled.JsonAsync()).GetProperty("user").Text("status"), Is.EqualTo("enabled"));
        using var removed = await _operator.DeleteAsync(path);
        using var gone = await _operator.GetAsync(path);
        Assert.That((removed.StatusCode, await gone.ProblemAsync()), Is.EqualTo((HttpStatusCode.NoContent, "user_not_found")));
    }

    [Test]
    public async Task Nobody_locks_themselves_out()
    {
        using var me = await _operator.GetAsync("/me");
        using var refused = await _operator.PostAsync($"/users/{(await me.JsonAsync()).Text("user_id")}/disable");

        Assert.That(await refused.ProblemAsync(), Is.EqualTo("own_account"));
    }

    [Test]
    public async Task People_are_listed_by_provider_and_a_name_that_two_have_names_neither()
    {
        var now = _scene.Server.Clock.GetUtcNow();
        await AdminSeeds.StoreAsync(_scene, [.. new[] { "twin-1", "twin-2" }.Select(id => new User { Id = id, Provider = "elsewhere", ProviderSubject = id, Email = $"{id}@example.com", Name = "Twin", CreatedAt = now, LastSignInAt = now })]);

        using var elsewhere = await _operator.GetAsync("/users?provider=elsewhere");
        using var ambiguous = await _operator.PostAsync("/sessions/end-all", new { user = "twin" });

        Assert.That((await elsewhere.JsonAsync()).GetProperty("items").EnumerateArray().Select(user => user.Text("user_id")), Is.EquivalentTo(["twin-1", "twin-2"]));
        Assert.That(await ambiguous.ProblemAsync(), Is.EqualTo("user_ambiguous"));
        Assert.That(await ambiguous.Content.ReadAsStringAsync(), Does.Contain("twin-1").And.Contain("twin-2"));
    }

    [Test]
    public async Task A_person_is_shown_with_their_role()
    {
        using var me = await _operator.GetAsync("/me");
        using var details = await _operator.GetAsync($"/users/{(await me.JsonAsync()).Text("user_id")}");

        Assert.That((await details.JsonAsync()).Text("role"), Is.EqualTo("operator"));
    }
}
