using System.Reflection;
using McpIdentity.Server.Settings;
using OpenIddict.Client.WebIntegration;

namespace McpIdentity.Server.Federation;

/// <summary>
/// What OpenIddict asks for a type of provider, beside client id and secret: a plain class a type, with one property a setting.
/// Where a provider is found is written in one of three ways, whatever the type calls it: <c>Issuer</c>, <c>Settings:Issuer</c>,
/// or the host alone as <c>Settings:Domain</c>.
/// </summary>
internal static class ProviderSettings
{
    private const string Issuer = "Issuer";
    private const string Domain = "Domain";

    /// <returns>The issuer that the operator named, or null where the type knows its own.</returns>
    public static string? IssuerOf(UpstreamProviderOptions options) =>
        !string.IsNullOrEmpty(options.Issuer) ? options.Issuer
        : Named(options, Issuer) ?? (Named(options, Domain) is { } domain ? AddressOf(domain) : null);

    /// <summary>Nobody can say where it is but the operator.</summary>
    public static bool NeedsIssuer(string type) => type == UpstreamProvider.Oidc || ClassOf(type)?.GetProperty(Issuer) is not null;

    /// <summary>Names that the type does not know: they would count for nothing, in silence.</summary>
    public static IEnumerable<string> Check(UpstreamProvider provider)
    {
        var known = NamesOf(provider.Type);
        foreach (var name in provider.Options.Settings.Keys.Where(name => !known.Contains(name, StringComparer.OrdinalIgnoreCase) && !IsIssuer(name)))
        {
            yield return $"OAuth:Providers:{provider.Id}:Settings:{name} is not a setting of {provider.Type}. " +
                $"It has {string.Join(", ", known.Prepend("an Issuer of its own beside Settings (or Settings:Domain)"))}.";
        }

        string?[] issuers = [provider.Options.Issuer, Named(provider.Options, Issuer), Named(provider.Options, Domain) is { } domain ? AddressOf(domain) : null];
        if (issuers.Where(issuer => !string.IsNullOrEmpty(issuer)).Select(issuer => issuer!.TrimEnd('/')).Distinct().Count() > 1)
        {
            yield return $"OAuth:Providers:{provider.Id} names two issuers, by Issuer and by Settings: leave one.";
        }

        foreach (var flag in FlagsOf(provider).Where(flag => !bool.TryParse(flag.Value, out _)))
        {
            yield return $"OAuth:Providers:{provider.Id}:Settings:{flag.Key} is '{flag.Value}'; allowed: true, false.";
        }
    }

    /// <returns>Null for the type <c>oidc</c>, which has none.</returns>
    public static object? Bind(UpstreamProvider provider)
    {
        if (ClassOf(provider.Type) is not { } type)
        {
            return null;
        }

        var values = new Dictionary<string, string?>(provider.Options.Settings, StringComparer.OrdinalIgnoreCase);
        if (type.GetProperty(Issuer) is not null)
        {
            values[Issuer] = IssuerOf(provider.Options);
        }

        var settings = Activator.CreateInstance(type)!;
        new ConfigurationBuilder().AddInMemoryCollection(values).Build().Bind(settings);
        return settings;
    }

    private static string AddressOf(string domain) => domain.Contains("://", StringComparison.Ordinal) ? domain : $"https://{domain.TrimEnd('/')}/";

    private static string? Named(UpstreamProviderOptions options, string name) =>
        options.Settings.TryGetValue(name, out var value) && !string.IsNullOrEmpty(value) ? value : null;

    private static bool IsIssuer(string name) =>
        string.Equals(name, Issuer, StringComparison.OrdinalIgnoreCase) || string.Equals(name, Domain, StringComparison.OrdinalIgnoreCase);

    private static IEnumerable<string> NamesOf(string type) =>
        ClassOf(type)?.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.PropertyType == typeof(string) || property.PropertyType == typeof(bool?) || property.PropertyType == typeof(Uri))
            .Select(property => property.Name)
            .Where(name => name is not (Issuer or "Environment")) ?? [];

    private static IEnumerable<KeyValuePair<string, string?>> FlagsOf(UpstreamProvider provider) => provider.Options.Settings.Where(setting =>
        ClassOf(provider.Type)?.GetProperty(setting.Key, BindingFlags.Public | BindingFlags.Instance | BindingFlags.IgnoreCase)?.PropertyType == typeof(bool?));

    private static Type? ClassOf(string type) => typeof(OpenIddictClientWebIntegrationSettings).GetNestedType(type, BindingFlags.Public);
}
