using System.Data.Common;
using System.Text.RegularExpressions;

namespace McpIdentity.Server.Settings;

/// <summary>
/// The values of every setting that is marked <see cref="Mcp.SecretAttribute"/>, to keep them out of what is said about the
/// configuration: a rule that quotes a value, or a library that quotes it in its exception, prints <c>***</c>.
/// </summary>
internal sealed class ConfiguredSecrets
{
    public const string Masked = "***";

    /// <summary>Nothing is configured yet.</summary>
    public static readonly ConfiguredSecrets None = new([]);

    // Shorter ones are words that stand in other places too: to replace them there would tell what they are.
    private const int MinLength = 8;

    // The longest first: one may begin with another.
    private readonly string[] _values;

    private ConfiguredSecrets(IEnumerable<string> values) =>
        _values = [.. values.Where(value => value.Length >= MinLength).Distinct().OrderByDescending(value => value.Length)];

    public static ConfiguredSecrets In(IConfiguration configuration) => new(SettingsSections.All
        .SelectMany(section => configuration.GetSection(section.Name).AsEnumerable())
        .Where(pair => !string.IsNullOrEmpty(pair.Value) && SettingsSections.IsSecret(pair.Key, orUnknown: false))
        .SelectMany(pair => PartsOf(pair.Value!))
        // How a collector knows us: name=value, name=value (OTEL_EXPORTER_OTLP_HEADERS, and that of each signal).
        .Concat(configuration.GetChildren().Where(name => EnvironmentNames.IsOpenTelemetrys(name.Key) && name.Key.EndsWith("_HEADERS", StringComparison.Ordinal))
            .SelectMany(headers => (headers.Value ?? "").Split(',').Select(header => header.Split('=', 2)[^1].Trim()).Append(headers.Value ?? ""))));

    /// <returns>The text without them.</returns>
    public string Mask(string text) => _values.Aggregate(text, MaskWhole);

    // Not within a longer word, which is another word.
    private static string MaskWhole(string text, string value) => !text.Contains(value, StringComparison.Ordinal)
        ? text
        : Regex.Replace(text, $@"(?<![\w]){Regex.Escape(value)}(?![\w])", Masked);

    // Of a connection string or URL, the password by itself too: what quotes it seldom quotes all of it.
    private static IEnumerable<string> PartsOf(string value)
    {
        yield return value;
        if (Uri.TryCreate(value, UriKind.Absolute, out var url) && url.UserInfo.Split(':', 2) is [_, var password])
        {
            yield return password;
            yield return Uri.UnescapeDataString(password);
        }

        foreach (var name in (string[])["Password", "Pwd"])
        {
            if (ParsedOf(value)?.TryGetValue(name, out var part) == true)
            {
                yield return part.ToString()!;
            }
        }
    }

    private static DbConnectionStringBuilder? ParsedOf(string value)
    {
        try
        {
            return new DbConnectionStringBuilder { ConnectionString = value };
        }
        catch (ArgumentException)
        {
            return null; // not a connection string
        }
    }
}
