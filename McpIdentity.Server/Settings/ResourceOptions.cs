using System.ComponentModel;
using System.Globalization;

namespace McpIdentity.Server.Settings;

/// <summary>An MCP server in another host: an entry of <c>OAuth:Resources</c>, which may be its identifier alone.</summary>
[TypeConverter(typeof(FromIdentifier))]
internal sealed class ResourceOptions
{
    /// <summary>Its identifier, exactly as its own metadata has it: an https URL (http on loopback) without query or fragment.</summary>
    public string? Resource { get; set; }

    /// <summary>
    /// Its scopes, each with the words that the consent page shows: <c>"notes:write": "Write notes"</c>. Absent, <c>mcp</c>,
    /// <c>mcp:call</c> and, for administrators, <c>mcp:admin</c>.
    /// </summary>
    public IDictionary<string, string> Scopes { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>What a client gets that asks for none of its scopes. Absent, all of them but <c>mcp:admin</c>.</summary>
    public IList<string> DefaultScopes { get; } = [];

    /// <param name="section">One entry.</param>
    public static ResourceOptions ReadFrom(IConfigurationSection section)
    {
        var resource = section.Get<ResourceOptions>() ?? new ResourceOptions();
        resource.Scopes.Clear();
        var scopes = section.GetSection(nameof(Scopes));
        foreach (var (name, meaning) in scopes.AsEnumerable(makePathsRelative: true).Where(pair => pair is { Key.Length: > 0, Value: not null }).OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            // A colon of a scope's name is a level to .NET's configuration; a scope of a list has no words but its name.
            var isListed = name.All(char.IsAsciiDigit);
            resource.Scopes[isListed ? meaning! : name] = meaning!;
        }

        return resource;
    }

    private sealed class FromIdentifier : TypeConverter
    {
        public override bool CanConvertFrom(ITypeDescriptorContext? context, Type sourceType) => sourceType == typeof(string);

        public override object ConvertFrom(ITypeDescriptorContext? context, CultureInfo? culture, object value) => new ResourceOptions { Resource = (string)value };
    }
}
