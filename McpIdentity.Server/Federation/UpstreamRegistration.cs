using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Client;
using OpenIddict.Client.WebIntegration;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Federation;

/// <summary>A provider in the words of OpenIddict's client.</summary>
internal static class UpstreamRegistration
{
    // For what is built only to see whether it can be.
    private static readonly SymmetricSecurityKey NoSecret = new(new byte[32]);

    public static OpenIddictClientRegistration Of(UpstreamProvider provider)
    {
        var options = provider.Options;
        var registration = new OpenIddictClientRegistration
        {
            RegistrationId = provider.Id,
            ProviderName = provider.Id,
            ProviderDisplayName = provider.DisplayName,
            ClientId = options.ClientId,
            ClientSecret = options.ClientSecret,
            Issuer = ProviderSettings.IssuerOf(options) is { } issuer ? new Uri(issuer) : null,
            // Relative to the public address: see UseOwnAddress.
            RedirectUri = new Uri(provider.CallbackPath.TrimStart('/'), UriKind.Relative),
        };
        // An answer by POST would come without our SameSite=Lax cookie.
        registration.ResponseModes.Add(ResponseModes.Query);
        registration.CodeChallengeMethods.Add(CodeChallengeMethods.Sha256);
        registration.Scopes.UnionWith(options.Scopes is { Count: > 0 } scopes ? scopes
            : provider.Type == UpstreamProvider.GitHub ? ["read:user", "user:email"] : [Scopes.OpenId, Scopes.Email, Scopes.Profile]);

        if (options.GroupsFromGraph)
        {
            registration.Scopes.Add(GraphGroups.Permission);
        }

        if (provider.Type != UpstreamProvider.Oidc)
        {
            registration.ProviderType = (string)typeof(OpenIddictClientWebIntegrationConstants.ProviderTypes).GetField(provider.Type)!.GetValue(null)!;
            registration.ProviderSettings = ProviderSettings.Bind(provider);
        }

        if (provider.Type == UpstreamProvider.GitHub)
        {
            DescribeGitHub(registration, provider);
        }

        return registration;
    }

    /// <summary>What OpenIddict would not build of a provider, found out by building it: each type has rules of its own.</summary>
    /// <returns>OpenIddict's words, or null.</returns>
    public static string? FindMistake(UpstreamProvider provider)
    {
        var services = new ServiceCollection();
        services.AddOpenIddict().AddClient(client =>
        {
            client.AllowAuthorizationCodeFlow().DisableTokenStorage().AddEncryptionKey(NoSecret).AddSigningKey(NoSecret);
            client.UseAspNetCore().EnableRedirectionEndpointPassthrough();
            client.UseSystemNetHttp();
            client.UseWebProviders();
            client.AddRegistration(Of(provider));
        });
        try
        {
            using var built = services.BuildServiceProvider();
            var registration = built.GetRequiredService<IOptionsMonitor<OpenIddictClientOptions>>().CurrentValue.Registrations[0];
            return registration.Configuration is not null && ProviderSettings.IssuerOf(provider.Options) is not null && !ProviderSettings.NeedsIssuer(provider.Type)
                ? $"Issuer has no effect: {provider.Type} is at addresses of its own."
                : null;
        }
        catch (Exception exception) when (exception is InvalidOperationException or ArgumentException or FormatException)
        {
            return exception.GetBaseException().Message.ReplaceLineEndings(" ");
        }
    }

    // OpenIddict's own description of GitHub says nothing of PKCE, which GitHub has had since 2025.
    private static void DescribeGitHub(OpenIddictClientRegistration registration, UpstreamProvider provider)
    {
        registration.Issuer = new Uri("https://github.com/");
        registration.Configuration = new OpenIddict.Abstractions.OpenIddictConfiguration
        {
            Issuer = registration.Issuer,
            AuthorizationEndpoint = new Uri(provider.Options.AuthorizationEndpoint ?? "https://github.com/login/oauth/authorize"),
            TokenEndpoint = new Uri(provider.Options.TokenEndpoint ?? "https://github.com/login/oauth/access_token"),
            UserInfoEndpoint = new Uri(GitHubEmails.UserEndpointOf(provider)),
            GrantTypesSupported = { GrantTypes.AuthorizationCode },
            ResponseTypesSupported = { ResponseTypes.Code },
            ResponseModesSupported = { ResponseModes.Query },
            CodeChallengeMethodsSupported = { CodeChallengeMethods.Sha256 },
            TokenEndpointAuthMethodsSupported = { ClientAuthenticationMethods.ClientSecretPost },
        };
    }
}
