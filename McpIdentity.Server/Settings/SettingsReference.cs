using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using McpIdentity.Mcp;

namespace McpIdentity.Server.Settings;

/// <summary>
/// Every setting as its options type and its XML documentation say it: the source of <c>docs/configuration.md</c> and
/// <c>appsettings.schema.json</c> (SEED-094).
/// </summary>
internal static partial class SettingsReference
{
    private const string Preamble = """
        # Configuration

        Written by `dotnet run --no-launch-profile --project McpIdentity.Server -- config template --markdown > docs/configuration.md` from the options
        types; a test compares.

        From lowest to highest precedence: `appsettings.json`, `appsettings.{Environment}.json`, user secrets (Development),
        `.env` and `.env.oauth`, the environment's short names (the second column), the environment's .NET names
        (`Server__Port`), the command line (`--Server:Port=9000`). Keys are case-insensitive. A short name with `_FILE` behind it
        names a file to read the value from, as container secrets are mounted; secret managers that write files or variables need
        nothing else. An empty value is no value. White space around a value is no part of it, but for a secret, where the start warns
        of it; a host name with umlauts is written as it travels (`xn--…`). An address of another service in `PORT`, `REDIS_PORT` or
        `REDIS_HOST` (`tcp://…`, as Kubernetes and Docker set for services of that name) is ignored.

        Switches take `true`, `false`, `1`, `0`, `yes`, `no`; times are `01:00:00`, `7.00:00:00`, `90s`, `30m`, `12h`,
        `7d` or seconds, and what two people would read differently (`90:00`, `24:00:00`) is refused; lists are JSON arrays,
        numbered names (`Server__KnownProxies__0`) or one text with commas. A setting that does not exist or does not fit stops the
        start with one list of all that is wrong; `config validate` says the same without starting, `config show` prints every
        value with its source. Settings are read at the start alone: a change needs a restart.

        Beside these: `NODE_ENV` (`production`, `development`, `test`) chooses the environment where `ASPNETCORE_ENVIRONMENT` does not,
        `LOG_LEVEL` (`error`, `warn`, `info`, `debug`, `trace`) the log level, `REDIS_URL` (`redis://:password@host:6379/0`, `rediss://`
        for TLS) the Redis settings together. `port` and `trustProxy` at the root of `appsettings.json` are read as `Server:Port`
        and `Server:TrustProxy`. ASP.NET Core's own sections `Logging` and `Kestrel` (endpoints, certificates) work as everywhere.

        """;

    public static IReadOnlyList<Setting> All { get; } = [.. SettingsSections.All.SelectMany(section => section.Options.SelectMany(options => ListFrom(section.Name, options)))];

    public static string ToMarkdown()
    {
        var text = new StringBuilder(Preamble);
        foreach (var (name, options) in SettingsSections.All)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {name}\n\n{Documentation.TextOf(options[0])}\n\n| setting | type | environment | default | |\n|---|---|---|---|---|\n");
            foreach (var setting in All.Where(setting => setting.Section == name))
            {
                var variables = string.Join(", ", EnvironmentNames.NamesOf(setting.Key).Select(variable => $"`{variable}`"));
                text.Append(CultureInfo.InvariantCulture, $"| `{setting.Key}` | {setting.TypeName} | {variables} | {(setting.Default.Length > 0 ? $"`{setting.Default}`" : "")} | {setting.Text}{setting.Choices}{(setting.IsSecret ? " A secret: never shown." : "")} |\n");
            }
        }

        return text.ToString();
    }

    public static string ToSchema()
    {
        var root = new JsonObject { ["$schema"] = "http://json-schema.org/draft-07/schema#", ["type"] = "object", ["properties"] = new JsonObject() };
        foreach (var setting in All.Where(setting => !setting.IsInList))
        {
            var place = root;
            var parts = setting.Key.Split(':');
            foreach (var part in parts[..^1])
            {
                var properties = (JsonObject)place["properties"]!;
                if (properties[part] is not JsonObject)
                {
                    properties[part] = new JsonObject { ["type"] = "object", ["additionalProperties"] = false, ["properties"] = new JsonObject() };
                }

                place = (JsonObject)properties[part]!;
            }

            ((JsonObject)place["properties"]!)[parts[^1]] = setting.Schema();
        }

        return root.ToJsonString(new JsonSerializerOptions { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n";
    }

    private static IEnumerable<Setting> ListFrom(string section, Type type, string? prefix = null)
    {
        var defaults = Activator.CreateInstance(type);
        foreach (var property in type.GetProperties(BindingFlags.Instance | BindingFlags.Public).Where(property => property.DeclaringType!.Assembly != typeof(object).Assembly))
        {
            var key = $"{prefix ?? section}:{property.Name}";
            var isList = property.PropertyType != typeof(string) && property.PropertyType.IsAssignableTo(typeof(IEnumerable));
            if (!isList && property.PropertyType.IsClass && property.PropertyType != typeof(string))
            {
                foreach (var nested in ListFrom(section, property.PropertyType, key))
                {
                    yield return nested;
                }
            }
            else if (property.SetMethod is { IsPublic: true } || isList)
            {
                yield return new Setting(section, key, property.PropertyType, isList, Show(property.GetValue(defaults)), Documentation.TextOf(property), property.IsDefined(typeof(SecretAttribute)));
                var isMap = property.PropertyType.IsAssignableTo(typeof(IDictionary)) || property.PropertyType.GenericTypeArguments.Length == 2;
                if (isList && property.PropertyType.GenericTypeArguments.LastOrDefault() is { IsClass: true } item && item != typeof(string))
                {
                    foreach (var nested in ListFrom(section, item, key + (isMap ? ":{id}" : ":{n}")))
                    {
                        yield return nested;
                    }
                }
            }
        }
    }

    private static string Show(object? value) => value switch
    {
        null => "",
        bool flag => flag ? "true" : "false",
        string text => text,
        // As the guide writes it.
        McpAuthType authType => authType.ToString().ToLowerInvariant(),
        IEnumerable list => string.Join(",", list.Cast<object?>()),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    /// <summary>One setting: where it stands, what it is, what the documentation says.</summary>
    internal sealed record Setting(string Section, string Key, Type Type, bool IsList, string Default, string Text, bool IsSecret)
    {
        /// <summary>Whether it is a part of one of many; the list itself is a setting too.</summary>
        public bool IsInList => Key.Contains('{');

        private Type Value => Nullable.GetUnderlyingType(Type) ?? Type;

        /// <summary>As C# names it, without what only says that it may be absent.</summary>
        public string TypeName => NameOf(Value);

        public string Choices => Value.IsEnum ? $" One of {string.Join(", ", Enum.GetNames(Value).Select(name => $"`{name}`"))}." : "";

        private static string NameOf(Type type) =>
            type.IsAssignableTo(typeof(IDictionary)) || type.GenericTypeArguments.Length == 2 ? $"{NameOf(type.GenericTypeArguments[^1])} by name"
            : type != typeof(string) && type.IsAssignableTo(typeof(IEnumerable)) ? $"list of {NameOf(type.GenericTypeArguments.FirstOrDefault() ?? type.GetElementType()!)}"
            : type == typeof(string) ? "string" : type == typeof(bool) ? "bool" : type == typeof(int) ? "int" : type == typeof(long) ? "long" : type == typeof(double) ? "double"
            : type.Name.Replace("Options", "", StringComparison.Ordinal);

        // Node's object and a person both write numbers and switches as text at times; the start checks them.
        public JsonObject Schema()
        {
            var schema = new JsonObject { ["description"] = Text };
            schema["type"] = IsList ? new JsonArray("array", "object", "string", "null")
                : Value == typeof(bool) ? new JsonArray("boolean", "string", "null")
                : Value == typeof(int) || Value == typeof(long) || Value == typeof(TimeSpan) ? new JsonArray("integer", "string", "null")
                : new JsonArray("string", "null");
            if (IsSecret)
            {
                schema["writeOnly"] = true;
            }

            return schema;
        }
    }

    /// <summary>The XML documentation that the compiler wrote beside the assembly.</summary>
    private static partial class Documentation
    {
        private static readonly Dictionary<string, XElement> Members = Read();

        public static string TextOf(Type type) => Text(Members.GetValueOrDefault($"T:{Name(type)}"));

        public static string TextOf(PropertyInfo property) => Text(Members.GetValueOrDefault($"P:{Name(property.DeclaringType!)}.{property.Name}"));

        private static string Name(Type type) => type.FullName!.Replace('+', '.');

        private static Dictionary<string, XElement> Read() => SettingsSections.All.SelectMany(section => section.Options).Select(options => options.Assembly).Distinct()
            .Select(assembly => Path.Combine(AppContext.BaseDirectory, assembly.GetName().Name + ".xml")).Where(File.Exists)
            .SelectMany(file => XDocument.Load(file).Descendants("member"))
            .Where(member => member.Element("summary") is not null)
            .GroupBy(member => member.Attribute("name")!.Value).ToDictionary(group => group.Key, group => group.First().Element("summary")!);

        private static string Text(XElement? summary) => summary is null ? "" : Spaces().Replace(string.Concat(summary.Nodes().Select(Word)), " ").Trim().Replace("|", "\\|", StringComparison.Ordinal);

        private static string Word(XNode node) => node switch
        {
            XText text => text.Value,
            XElement { Name.LocalName: "see" } see => $"`{see.Attribute("cref")?.Value.Split('.')[^1] ?? see.Attribute("langword")?.Value}`",
            XElement element => $"`{element.Value}`",
            _ => "",
        };

        [GeneratedRegex(@"\s+")]
        private static partial Regex Spaces();
    }
}
