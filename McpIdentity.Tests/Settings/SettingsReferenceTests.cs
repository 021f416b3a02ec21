using McpIdentity.Server.Settings;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Settings;

/// <summary>The documentation of the settings is what the types say: SEED-094.</summary>
[Category("Docs")]
[Parallelizable(ParallelScope.All)]
internal sealed class SettingsReferenceTests
{
    [Test, Category("SEED-094")]
    public void The_committed_reference_is_the_generated_one()
    {
        Assert.That(Read("docs", "configuration.md"), Is.EqualTo(SettingsReference.ToMarkdown()),
            "Run: dotnet run --no-launch-profile --project McpIdentity.Server -- config template --markdown > docs/configuration.md");
    }

    [Test, Category("SEED-094")]
    public void The_committed_schema_is_the_generated_one()
    {
        Assert.That(Read("appsettings.schema.json"), Is.EqualTo(SettingsReference.ToSchema()),
            "Run: dotnet run --no-launch-profile --project McpIdentity.Server -- config template > appsettings.schema.json");
    }

    [Test, Category("SEED-094")]
    public void Every_setting_is_described_and_every_short_name_leads_to_one()
    {
        Assert.That(SettingsReference.All.Where(setting => setting.Text.Length == 0).Select(setting => setting.Key), Is.Empty, "write a <summary> on the property");
        var keys = SettingsReference.All.Select(setting => setting.Key).Append("Logging:LogLevel:Default");
        Assert.That(EnvironmentNames.Keys.Values.Distinct().Except(keys, StringComparer.OrdinalIgnoreCase).Except(["OAuth:Enabled"]), Is.Empty);
    }

    private static string Read(params string[] path) => File.Exists(Repository.PathOf(path)) ? File.ReadAllText(Repository.PathOf(path)) : "";
}
