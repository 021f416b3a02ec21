using System.Collections;
using System.Reflection;
using McpIdentity.Mcp;

namespace McpIdentity.Server.Settings;

/// <summary>
/// Every section of the configuration that is ours and the types it binds to. What is in none of them is refused at the
/// start, and what is in one appears in <c>docs/configuration.md</c>.
/// </summary>
internal static class SettingsSections
{
    public static readonly IReadOnlyList<(string Name, Type[] Options)> All =
    [
        (ServerOptions.Section, [typeof(ServerOptions)]),
        (DatabaseOptions.Section, [typeof(DatabaseOptions)]),
        (OAuthServerOptions.Section, [typeof(OAuthServerOptions)]),
        (ExternalJwtOptions.Section, [typeof(ExternalJwtOptions)]),
        (McpOptions.Section, [typeof(McpOptions), typeof(McpHostOptions)]),
        (CorsSettings.Section, [typeof(CorsSettings)]),
        (BrandingOptions.Section, [typeof(BrandingOptions)]),
        (GatewayOptions.Section, [typeof(GatewayOptions)]),
        (PolicyOptions.Section, [typeof(PolicyOptions)]),
        (TelemetryOptions.Section, [typeof(TelemetryOptions)]),
        (AdminOptions.Section, [typeof(AdminOptions)]),
        (AuditOptions.Section, [typeof(AuditOptions)]),
    ];

    /// <summary>
    /// Whether the value at a key is marked <see cref="SecretAttribute"/>, itself or by what it is a part of. A key that no
    /// type has may hold anything: it counts as one, unless <paramref name="orUnknown"/> is false.
    /// </summary>
    public static bool IsSecret(string key, bool orUnknown = true)
    {
        var parts = key.Split(':');
        var types = All.FirstOrDefault(section => section.Name.Equals(parts[0], StringComparison.OrdinalIgnoreCase)).Options ?? [];
        for (var i = 1; i < parts.Length; i++)
        {
            var properties = PropertiesOf(types, parts[i]);
            if (properties.Count == 0)
            {
                return orUnknown;
            }

            if (properties.Any(property => property.IsDefined(typeof(SecretAttribute))))
            {
                return true;
            }

            types = [.. properties.Select(property => property.PropertyType)];
            if (types.Any(IsMany))
            {
                if (types.Contains(typeof(IDictionary<string, string>)))
                {
                    return false; // all that follows is the item's name, which may hold colons
                }

                i++; // the item's number or name
                types = [.. types.Select(ItemOf)];
            }
        }

        return false;
    }

    /// <summary>The settings of that name: more than one where the section belongs to two.</summary>
    public static IReadOnlyList<PropertyInfo> PropertiesOf(IEnumerable<Type> types, string name) =>
    [
        .. types.Select(type => type.GetProperty(name, BindingFlags.Instance | BindingFlags.Public | BindingFlags.IgnoreCase))
            .OfType<PropertyInfo>().Where(property => property.SetMethod is { IsPublic: true } || IsContainer(property.PropertyType)),
    ];

    /// <summary>Whether it is a list or a dictionary.</summary>
    public static bool IsMany(Type type) => type != typeof(string) && type.IsAssignableTo(typeof(IEnumerable));

    /// <summary>What a list or dictionary holds.</summary>
    public static Type ItemOf(Type type) => type.IsArray ? type.GetElementType()! : type.GetGenericArguments().LastOrDefault() ?? typeof(string);

    // A nested section or a list is filled in place and needs no setter.
    private static bool IsContainer(Type type) => !type.IsValueType && type != typeof(string);
}
