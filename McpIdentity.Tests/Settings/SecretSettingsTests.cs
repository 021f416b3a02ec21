using System.Reflection;
using McpIdentity.Mcp;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.Configuration;

namespace McpIdentity.Tests.Settings;

/// <summary>A setting is secret because its option says so, never because of what it is called.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class SecretSettingsTests
{
    // Names that earlier guesses took for harmless words.
    private static readonly string[] Ids = ["grace", "allow", "enabled-lifetime", "require"];

    private static IEnumerable<string> MarkedKeys => SettingsReference.All.Where(setting => setting.IsSecret)
        .SelectMany(setting => Ids.Select(id => setting.Key.Replace("{id}", id, StringComparison.Ordinal).Replace("{n}", "0", StringComparison.Ordinal)).Distinct()
            .Select(key => setting.IsList ? $"{key}:0" : key));

    [Test]
    public void What_sounds_like_a_secret_is_marked() => Assert.That(
        SettingsReference.All.Where(setting => !setting.IsSecret && setting.Type == typeof(string)).Select(setting => setting.Key)
            .Where(key => key.Split(':')[^1] is var name && new[] { "Secret", "Password", "Key", "Keys", "Token", "ConnectionString" }.Any(word => name.EndsWith(word, StringComparison.Ordinal))),
        Is.Empty);

    [Test]
    public void A_marked_setting_is_masked_under_whatever_name()
    {
        var configuration = new ConfigurationManager();
        configuration.AddInMemoryCollection(MarkedKeys.Select(key => KeyValuePair.Create(key, (string?)$"hidden value of {key}")));

        var shown = EffectiveSettings.List(configuration).Where(setting => setting.Source != "default").ToDictionary(setting => setting.Key, setting => setting.Value);

        Assert.That(shown.Keys, Is.SupersetOf(MarkedKeys));
        Assert.That(shown.Values, Is.All.EqualTo("***"));
    }

    [Test]
    public void A_problem_never_quotes_a_secret()
    {
        var configuration = new ConfigurationManager();
        configuration.AddInMemoryCollection(MarkedKeys.Select(key => KeyValuePair.Create(key, (string?)$"hidden-{key.GetHashCode(StringComparison.Ordinal)}")));
        configuration["Database:Url"] = "postgres://mcpidentity:p%40ssw0rd@db.internal/mcpidentity";
        var problems = new ConfigurationProblems();
        problems.Find(configuration);

        foreach (var key in MarkedKeys)
        {
            problems.Warn($"{key} is '{configuration[key]}'");
        }

        problems.Warn("the password p@ssw0rd of db.internal is wrong");

        Assert.That(problems.Warnings, Is.All.Contains("***").And.None.Contains("hidden-").And.None.Contains("ssw0rd"));
    }

    [Test]
    public async Task The_command_line_shows_none_of_a_provider_with_an_unfortunate_name()
    {
        await using var command = ChildProcess.Start("dotnet",
        [
            ServerProcess.AssemblyPath, "config", "show", "--OAuth:Providers:grace:ClientId=us", "--OAuth:Providers:grace:ClientSecret=hidden from everyone",
            "--OAuth:Providers:grace:Settings:ApiKey=hidden too",
        ], Repository.Root);

        Assert.That(await command.WaitForExitAsync(), Is.Zero, command.Output);
        Assert.That(command.Output, Does.Contain("OAuth:Providers:grace:ClientSecret = ***").And.Contain("OAuth:Providers:grace:ClientId = us").And.Not.Contain("hidden"));
    }

    [Test]
    public void The_mark_holds_for_all_that_a_marked_setting_has_in_it_and_for_what_no_option_knows()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(SettingsSections.IsSecret("OAuth:Providers:x:Settings:ClientAssertionSigningKey"), Is.True);
            Assert.That(SettingsSections.IsSecret("OAuth:PreviousEncryptionKeys:3"), Is.True);
            Assert.That(SettingsSections.IsSecret("oauth:encryptionkey"), Is.True);
            Assert.That(SettingsSections.IsSecret("OAuth:NoSuchSetting"), Is.True);
            Assert.That(SettingsSections.IsSecret("OAuth:Providers:secret:ClientId"), Is.False);
            Assert.That(SettingsSections.IsSecret("Mcp:RateLimiting:MaxRequests"), Is.False);
            Assert.That(typeof(TrustedIssuerOptions).GetProperty(nameof(TrustedIssuerOptions.Secret))!.IsDefined(typeof(SecretAttribute)), Is.True);
        }
    }
}
