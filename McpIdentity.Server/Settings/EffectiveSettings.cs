namespace McpIdentity.Server.Settings;

/// <summary>What is in force and where it came from. A value that is marked as a secret is not among them.</summary>
internal static class EffectiveSettings
{
    public static IEnumerable<(string Key, string Value, string Source)> List(IConfigurationRoot configuration)
    {
        var said = SettingsSections.All.SelectMany(section => configuration.GetSection(section.Name).AsEnumerable())
            .Where(pair => !string.IsNullOrEmpty(pair.Value))
            .ToDictionary(pair => pair.Key, pair => pair.Value!, StringComparer.OrdinalIgnoreCase);
        foreach (var setting in SettingsReference.All.Where(setting => !setting.IsInList))
        {
            var own = said.Where(pair => pair.Key.Equals(setting.Key, StringComparison.OrdinalIgnoreCase) ||
                (setting.IsList && pair.Key.StartsWith(setting.Key + ":", StringComparison.OrdinalIgnoreCase))).ToList();
            foreach (var (key, value) in own)
            {
                yield return (key, SettingsSections.IsSecret(key) ? ConfiguredSecrets.Masked : value, SourceOf(configuration, key));
            }

            if (own.Count == 0)
            {
                yield return (setting.Key, setting.Default, "default");
            }
        }
    }

    private static string SourceOf(IConfigurationRoot configuration, string key)
    {
        // Where it was written; the last source of all has what was rewritten of it.
        var provider = configuration.Providers.Reverse().Where(provider => provider.TryGet(key, out _))
            .OrderBy(provider => provider.GetType() == typeof(Microsoft.Extensions.Configuration.Memory.MemoryConfigurationProvider)).FirstOrDefault();
        return provider switch
        {
            FileConfigurationProvider { Source.Path: { } path } => path,
            Microsoft.Extensions.Configuration.EnvironmentVariables.EnvironmentVariablesConfigurationProvider => "environment",
            Microsoft.Extensions.Configuration.CommandLine.CommandLineConfigurationProvider => "command line",
            Microsoft.Extensions.Configuration.Memory.MemoryConfigurationProvider named when named.GetType() != typeof(Microsoft.Extensions.Configuration.Memory.MemoryConfigurationProvider) => named.ToString()!,
            _ => "rewritten",
        };
    }
}
