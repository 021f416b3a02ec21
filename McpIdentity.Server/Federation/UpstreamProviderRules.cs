using System.Text.RegularExpressions;
using McpIdentity.Mcp;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Federation;

/// <summary>Refuses providers that could not work, all of them in one list.</summary>
internal sealed partial class UpstreamProviderRules(IHostEnvironment environment) : IValidateOptions<OAuthServerOptions>
{
    public ValidateOptionsResult Validate(string? name, OAuthServerOptions options)
    {
        var providers = UpstreamProvider.ListFrom(options);
        var problems = providers.Where(provider => provider.Id != GoogleSignIn.Scheme && options.Providers.ContainsKey(provider.Id))
            .SelectMany(provider => Check(provider, environment)).ToList();
        if (options.Providers.TryGetValue(GoogleSignIn.Scheme, out var google) && !SaysOnlyHowItIsShown(google))
        {
            problems.Add("OAuth:Providers:google says how Google is shown, by DisplayName and Icon; for the rest set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET.");
        }

        if (problems.Count == 0)
        {
            // Each type has rules of its own, which OpenIddict says when it is built: at the first request, if nobody asks before.
            problems.AddRange(providers.Where(provider => provider is { IsUsable: true } && provider.Id != GoogleSignIn.Scheme)
                .Select(provider => UpstreamRegistration.FindMistake(provider) is { } mistake ? $"OAuth:Providers:{provider.Id} ({provider.Type}): {mistake}" : null)
                .OfType<string>());
        }

        problems.AddRange(providers.GroupBy(provider => provider.CallbackPath, StringComparer.OrdinalIgnoreCase).Where(group => group.Count() > 1)
            .Select(group => $"The providers {string.Join(", ", group.Select(provider => provider.Id))} share the callback {group.Key}: each needs its own."));
        problems.AddRange(options.ProviderOrder.Where(id => !providers.Any(provider => string.Equals(provider.Id, id, StringComparison.OrdinalIgnoreCase)))
            .Select(id => $"OAuth:ProviderOrder names '{id}', which is no provider that is configured: {(providers.Count > 0 ? string.Join(", ", providers.Select(provider => provider.Id)) : "there is none")}."));
        problems.AddRange(providers.Where(provider => !string.IsNullOrEmpty(provider.Options.Icon))
            .Select(provider => ServedImage.Read(provider.IconSetting, provider.Options.Icon!, out _)).OfType<string>());
        problems.AddRange(options.AllowedEmailDomains.Where(domain => !Domain.IsMatch(domain))
            .Select(domain => $"OAuth:AllowedEmailDomains holds '{domain}', which is not a domain such as example.com."));

        // Google's own addresses, where somebody moved them; a stand-in on this machine may be http.
        problems.AddRange(new[]
        {
            (nameof(options.GoogleAuthorizationEndpoint), options.GoogleAuthorizationEndpoint),
            (nameof(options.GoogleTokenEndpoint), options.GoogleTokenEndpoint),
            (nameof(options.GoogleUserInformationEndpoint), options.GoogleUserInformationEndpoint),
        }.Where(endpoint => !string.IsNullOrEmpty(endpoint.Item2) && !(Uri.TryCreate(endpoint.Item2, UriKind.Absolute, out var url) && Loopback.IsSafe(url)))
            .Select(endpoint => $"OAuth:{endpoint.Item1} is '{endpoint.Item2}'; it must be an https address (http on this machine)."));

        if (options.CallbackPath is not ['/', not '/', ..] || options.CallbackPath.AsSpan().ContainsAny("{}*?#") || options.CallbackPath.AsSpan().ContainsAnyExceptInRange('!', '~') || Paths.IsTaken(options.CallbackPath))
        {
            problems.Add($"OAuth:CallbackPath must be a path of its own that starts with a slash, such as {Paths.Callback} or /signin-google (is '{options.CallbackPath}').");
        }

        if (environment.IsProduction() && options.Enabled && !providers.Any(provider => provider.IsUsable))
        {
            problems.Add("No sign-in provider is configured: set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET, GITHUB_CLIENT_ID and " +
                "GITHUB_CLIENT_SECRET, MICROSOFT_CLIENT_ID and MICROSOFT_CLIENT_SECRET, or OAuth:Providers. The demo users exist in Development only.");
        }

        return problems.Count > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }

    /// <summary>What is wrong with one provider, as far as it can be said without building it.</summary>
    public static IEnumerable<string> Check(UpstreamProvider provider, IHostEnvironment environment)
    {
        var (id, options) = (provider.Id, provider.Options);
        var section = $"OAuth:Providers:{id}";
        if (!Identifier.IsMatch(id) || id is DemoProvider.Name)
        {
            yield return $"{section}: an id is up to 32 small letters, digits and dashes, and not demo.";
        }

        if (UpstreamProvider.KnownType(provider.Type) is null)
        {
            yield return $"{section}:Type is '{options.Type}'; use oidc with an Issuer, or a provider's name such as GitHub, Microsoft, GitLab, Okta.";
            yield break;
        }

        foreach (var problem in ProviderSettings.Check(provider))
        {
            yield return problem;
        }

        var issuer = ProviderSettings.IssuerOf(options);
        if (issuer is null && ProviderSettings.NeedsIssuer(provider.Type))
        {
            yield return $"{section}:Issuer must be set: the address that the provider's discovery document names as issuer.";
        }

        if (issuer is not null && provider.Type == UpstreamProvider.GitHub)
        {
            yield return $"{section}:Issuer does not belong to GitHub, which publishes none: for GitHub Enterprise set AuthorizationEndpoint, TokenEndpoint and UserInfoEndpoint.";
        }

        if (options.CallbackPath is { } path && path != $"{Paths.Callback}/{id}" && path != $"{Paths.ShortCallback}/{id}")
        {
            yield return $"{section}:CallbackPath must be {Paths.Callback}/{id} or {Paths.ShortCallback}/{id} (is '{path}').";
        }

        var endpoints = new[] { options.AuthorizationEndpoint, options.TokenEndpoint, options.UserInfoEndpoint };
        if (endpoints.Any(endpoint => endpoint is not null) && (endpoints.Contains(null) || provider.Type != UpstreamProvider.GitHub))
        {
            yield return $"{section}: AuthorizationEndpoint, TokenEndpoint and UserInfoEndpoint belong together, and to the type GitHub; others have an Issuer.";
        }

        if (options.GroupsFromGraph && provider.Type is not (UpstreamProvider.Microsoft or UpstreamProvider.Oidc))
        {
            yield return $"{section}:GroupsFromGraph is for Microsoft Entra, and not for {provider.Type}.";
        }

        if (options.GroupsFromGraph && UpstreamIdentity.IsOfSharedTenant(provider))
        {
            yield return $"{section}:GroupsFromGraph has no effect without a tenant of your own: of one that is anybody's no group counts. Set Settings:Tenant (MICROSOFT_TENANT_ID).";
        }

        if (options.GraphEndpoint is not null && !options.GroupsFromGraph)
        {
            yield return $"{section}:GraphEndpoint has no effect without GroupsFromGraph.";
        }

        foreach (var url in endpoints.Append(issuer).Append(options.GraphEndpoint).Where(url => !string.IsNullOrEmpty(url) && !IsSafe(url, environment)))
        {
            yield return $"{section}: '{url}' must be an https address (http is for this machine, outside Production).";
        }
    }

    private static bool SaysOnlyHowItIsShown(UpstreamProviderOptions google) => google is
    {
        Type: null, ClientId: null, ClientSecret: null, Issuer: null, Scopes.Count: 0, Settings.Count: 0, CallbackPath: null, TrustEmail: false,
        AuthorizationEndpoint: null, TokenEndpoint: null, UserInfoEndpoint: null, GroupsFromGraph: false, GraphEndpoint: null,
    };

    // Over plain http anyone on the way can answer in the provider's place, and sign in as anybody.
    private static bool IsSafe(string url, IHostEnvironment environment) =>
        Uri.TryCreate(url, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttps || (Loopback.IsSafe(uri) && !environment.IsProduction()));

    [GeneratedRegex("^[a-z0-9][a-z0-9-]{0,31}$")]
    private static partial Regex Identifier { get; }

    [GeneratedRegex(@"^[a-z0-9-]+(\.[a-z0-9-]+)+$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Domain { get; }
}
