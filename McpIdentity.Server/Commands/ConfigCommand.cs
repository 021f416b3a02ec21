using System.CommandLine;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Commands;

/// <summary><c>config</c>: what is set and from where, whether it would start, and the reference of all settings.</summary>
internal static class ConfigCommand
{
    private const string OnlyHere = "it reads the settings of this machine";

    public static Command Create() => new("config", "Shows, checks and documents the settings.") { Show(), Validate(), Template() };

    private static Command Show()
    {
        var verb = CommandLine.Verb("show", "Prints every setting with its value and source; secrets are masked.", "config show -o json", async (parsed, settings, _) =>
        {
            var problems = new ConfigurationProblems();
            var builder = Program.Configure(settings, problems);
            problems.Find(builder.Configuration);
            var settingsInForce = EffectiveSettings.List(builder.Configuration).ToList();
            if (parsed.GetValue(Table.Output) == "json")
            {
                await Table.WriteAsync(parsed, settingsInForce, new("key", setting => setting.Key), new("value", setting => setting.Value), new("source", setting => setting.Source));
                return 0;
            }

            foreach (var setting in settingsInForce)
            {
                Console.WriteLine($"{setting.Key} = {setting.Value}  ({setting.Source})");
            }

            return 0;
        }, onlyHere: OnlyHere);
        verb.Options.Add(Table.Output);
        return verb;
    }

    private static Command Validate() => CommandLine.Verb(
        "validate", "Says whether the server would start with these settings, without asking database and network.", "config validate", async (_, settings, _) =>
        {
            await using var app = CommandLine.Build(settings);
            Program.Map(app);
            Console.WriteLine("The configuration is valid.");
            return 0;
        }, onlyHere: OnlyHere);

    private static Command Template()
    {
        var markdown = new Option<bool>("--markdown") { Description = "The reference as Markdown: docs/configuration.md." };
        var verb = CommandLine.Verb("template", "Prints the JSON schema of appsettings.json, or the reference (--markdown).", "config template > appsettings.schema.json", (parsed, _, _) =>
        {
            Console.Write(parsed.GetValue(markdown) ? SettingsReference.ToMarkdown() : SettingsReference.ToSchema());
            return Task.FromResult(0);
        });
        verb.Options.Add(markdown);
        return verb;
    }
}
