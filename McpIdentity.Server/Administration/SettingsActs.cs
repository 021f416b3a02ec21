using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Administration;

/// <summary>A setting as it is in force.</summary>
/// <param name="Value">A secret is masked.</param>
/// <param name="Source">Where it was said: a file, <c>environment</c>, <c>command line</c>, <c>default</c>.</param>
internal sealed record SettingView(string Key, string Value, string Source);

/// <summary>What is set, and from where.</summary>
internal sealed class SettingsActs(IConfiguration configuration)
{
    /// <summary>All of them, or those of one section.</summary>
    public AdminPage<SettingView> List(string? section, Slice slice) => slice.OfSorted(
        EffectiveSettings.List((IConfigurationRoot)configuration)
            .Where(setting => section is null || setting.Key.Equals(section, StringComparison.OrdinalIgnoreCase) || setting.Key.StartsWith(section + ":", StringComparison.OrdinalIgnoreCase))
            .Select(setting => new SettingView(setting.Key, setting.Value, setting.Source)),
        setting => setting.Key);
}
