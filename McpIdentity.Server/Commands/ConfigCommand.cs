using System.CommandLine;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Commands;

/// <summary><c>config</c>: what is set and from where, whether it would start, and the reference of all settings.</summary>
internal static class ConfigCommand
{
    public static Command Create() => new("config", "Shows, checks and documents the settings.")
    {
        CommandLine.Verb("show", "Prints every setting with its value and source; secrets are masked.", (_, settings, _) =>
        {
            var problems = new ConfigurationProblems();
            var builder = Program.Configure(settings, problems);
            problems.Find(builder.Configuration);
            foreach (var setting in EffectiveSettings.List(builder.Configuration))
            {
                Console.WriteLine($"{setting.Key} = {setting.Value}  ({setting.Source})");
            }

            return Task.FromResult(0);
        }),
        CommandLine.Verb("validate", "Says whether the server would start with these settings.", async (_, settings, _) =>
        {
            await using var app = CommandLine.Build(settings);
            Console.WriteLine("The configuration is valid.");
            return 0;
        }),
        Template(),
    };

    private static Command Template()
    {
        var markdown = new Option<bool>("--markdown") { Description = "The reference as Markdown: docs/configuration.md." };
        var verb = CommandLine.Verb("template", "Prints the JSON schema of appsettings.json, or the reference (--markdown).", (parsed, _, _) =>
        {
            Console.Write(parsed.GetValue(markdown) ? SettingsReference.ToMarkdown() : SettingsReference.ToSchema());
            return Task.FromResult(0);
        });
        verb.Options.Add(markdown);
        return verb;
    }
}
