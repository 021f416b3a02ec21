using McpIdentity.Server.Operations;

namespace McpIdentity.Server.Doctor;

/// <summary>Whether the settings can be used at all; what they name is looked at by the others.</summary>
internal static class ConfigurationChecks
{
    public static readonly Check Valid = new("config.valid", Verdict.Fail, "Are all settings known and understood, and do they fit together?",
        "Mend what is named; 'config show' says where each value comes from.", "docs/configuration.md, \"Configuration\"");
}
