using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Federation;

/// <summary>When Google is on: SEED-025.</summary>
[Category("Federation")]
[Parallelizable(ParallelScope.All)]
internal sealed class GoogleSettingsTests
{
    [TestCase("your_client_id.apps.googleusercontent.com", "your_client_secret", false)]
    [TestCase("an-id", "", false)]
    [TestCase("", "a-secret", false)]
    [TestCase("an-id", "a-secret", true)]
    [Category("SEED-025")]
    public async Task Google_is_offered_when_both_values_are_real_and_the_demo_users_otherwise(string id, string secret, bool google)
    {
        await using var server = await TestServer.StartAsync($"OAuth:GoogleClientId={id}", $"OAuth:GoogleClientSecret={secret}");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);

        var page = await alice.Browser.GetAsync(client.AuthorizeUrl());

        Assert.That(page.Document!.QuerySelector("button[value=google]") is not null, Is.EqualTo(google));
        Assert.That(page.Document.QuerySelector("[name=username]") is null, Is.EqualTo(google));
    }
}
