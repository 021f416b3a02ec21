using System.ComponentModel;
using System.Globalization;

namespace McpIdentity.Server.Settings;

/// <summary>An MCP server in another host: an entry of <c>OAuth:Resources</c>, which may be its identifier alone.</summary>
[TypeConverter(typeof(FromIdentifier))]
internal sealed class ResourceOptions
{
    /// <summary>Its identifier, exactly as its own metadata has it: an https URL (http on loopback) without query or fragment.</summary>
    public string? Resource { get; set; }

    /// <summary>What it is called, where clients show a name: in the metadata that this server offers for it.</summary>
    public string? Name { get; set; }

    /// <summary>
    /// Its scopes, each with the words that the consent page shows: <c>"notes:write": "Write notes"</c>. Absent, <c>mcp</c>,
    /// <c>mcp:call</c> and, for administrators, <c>mcp:admin</c>.
    /// </summary>
    public IDictionary<string, string> Scopes { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>
    /// The words in other languages, by the language's tag: <c>"de": { "notes:write": "Notizen schreiben" }</c>. The consent page
    /// shows those that the person's browser or the client's <c>ui_locales</c> prefers.
    /// </summary>
    public IDictionary<string, IDictionary<string, string>> Translations { get; } = new Dictionary<string, IDictionary<string, string>>(StringComparer.OrdinalIgnoreCase);

    /// <summary>What a client gets that asks for none of its scopes. Absent, all of them that are for everybody.</summary>
    public IList<string> DefaultScopes { get; } = [];

    /// <summary>
    /// Who may have a scope, where that is not everybody: <c>"notes:write": [ "@example.org", "client:backup" ]</c>. Each entry is
    /// <c>administrators</c> (<c>Mcp:AdminUsers</c>), a verified e-mail address, <c>@</c> and a domain, <c>subject:</c> and a person's
    /// <c>sub</c>, or <c>client:</c> and a client's id. <c>mcp:admin</c> is for administrators where nothing else is said.
    /// </summary>
    public IDictionary<string, IList<string>> OnlyFor { get; } = new Dictionary<string, IList<string>>(StringComparer.Ordinal);

    /// <summary>The scopes of <see cref="OnlyFor"/> that one source has as a text and another as a list: which should count, nobody can say.</summary>
    internal IReadOnlyList<string> SaidTwice { get; private set; } = [];

    /// <param name="section">One entry.</param>
    // A colon of a scope's name is a level to .NET's configuration, so that the binder knows no such key.
    public static ResourceOptions ReadFrom(IConfigurationSection section)
    {
        var resource = section.Get<ResourceOptions>() ?? new ResourceOptions();
        resource.Scopes.Clear();
        foreach (var (name, meaning) in ValuesOf(section.GetSection(nameof(Scopes))).OrderBy(scope => scope.Key, StringComparer.Ordinal))
        {
            var isListed = name.All(char.IsAsciiDigit); // a scope of a list has no words but its name
            resource.Scopes[isListed ? meaning : name] = meaning;
        }

        resource.Translations.Clear();
        foreach (var language in section.GetSection(nameof(Translations)).GetChildren())
        {
            resource.Translations[language.Key] = ValuesOf(language).ToDictionary(StringComparer.Ordinal);
        }

        resource.ReadHolders(section.GetSection(nameof(OnlyFor)));
        return resource;
    }

    // A list, or one text. What says nothing at all stays as an empty list, which is refused: it must not mean everybody.
    private void ReadHolders(IConfigurationSection section)
    {
        OnlyFor.Clear();
        var (texts, items) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        if (section.Value is { Length: > 0 } ofNoScope)
        {
            OnlyFor[""] = [ofNoScope];
        }

        foreach (var (path, value) in section.AsEnumerable(makePathsRelative: true).Where(pair => pair.Key.Length > 0 && (pair.Value is { Length: > 0 } || !section.GetSection(pair.Key).GetChildren().Any())))
        {
            // The last level of a list is its index, but for a scope of that name.
            var index = path.LastIndexOf(':');
            var isItem = index > 0 && path[(index + 1)..].All(char.IsAsciiDigit) && !Scopes.ContainsKey(path);
            var scope = isItem ? path[..index] : path;
            string[] found = isItem ? [value ?? ""] : (value ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            OnlyFor[scope] = [.. OnlyFor.TryGetValue(scope, out var earlier) ? earlier : [], .. found];
            (isItem ? items : texts).Add(scope);
        }

        SaidTwice = [.. texts.Intersect(items)];
    }

    /// <summary>A section of texts whose names may hold colons.</summary>
    public static IEnumerable<KeyValuePair<string, string>> ValuesOf(IConfigurationSection section) =>
        from pair in section.AsEnumerable(makePathsRelative: true)
        where pair is { Key.Length: > 0, Value: not null }
        select KeyValuePair.Create(pair.Key, pair.Value!);

    private sealed class FromIdentifier : TypeConverter
    {
        public override bool CanConvertFrom(ITypeDescriptorContext? context, Type sourceType) => sourceType == typeof(string);

        public override object ConvertFrom(ITypeDescriptorContext? context, CultureInfo? culture, object value) => new ResourceOptions { Resource = (string)value };
    }
}
