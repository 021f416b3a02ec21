using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace McpIdentity.Server.Settings;

/// <summary>Values that were copied from a guide or from <c>.env.oauth.example</c> and say nothing: as good as unset.</summary>
internal static partial class Placeholders
{
    /// <returns>Whether somebody has put a value of their own there.</returns>
    public static bool IsSet([NotNullWhen(true)] string? value) => !string.IsNullOrWhiteSpace(value) && !Placeholder.IsMatch(value);

    [GeneratedRegex("^(your[-_ ]|<|change[-_ ]?me|placeholder)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Placeholder { get; }
}
