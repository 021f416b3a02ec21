using System.Reflection;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Client;
using OpenIddict.Client.AspNetCore;
using OpenIddict.Client.WebIntegration;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Federation;

/// <summary>
/// Every provider but Google, by OpenIddict's client: state, PKCE, nonce and the checks of the id_token are its work. Here
/// is what it is told, and where it must fit to our pages.
/// </summary>
internal static class UpstreamClients
{
    private static readonly TimeSpan StateLifetime = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(1);

    public static void AddUpstreamClients(this WebApplicationBuilder builder, OAuthServerOptions oauth)
    {
        var providers = UpstreamProvider.ListFrom(oauth)
            .Where(provider => provider.IsUsable && provider.Id != GoogleSignIn.Scheme && UpstreamProvider.KnownType(provider.Type) is not null)
            .ToList();
        // What is wrong with a provider is the options' rules to say; nothing can be built of it here.
        if (providers.Count == 0 || providers.Exists(provider => (provider.Type == UpstreamProvider.Oidc && string.IsNullOrEmpty(provider.Options.Issuer)) || !HasAddresses(provider.Options)))
        {
            return;
        }

        builder.Services.AddHttpClient<GitHubEmails>(http => http.Timeout = TimeSpan.FromSeconds(10));
        builder.Services.AddOpenIddict().AddClient(client =>
        {
            client.AllowAuthorizationCodeFlow();
            // The state carries everything, protected; its single use is the correlation cookie's, which the callback deletes.
            client.DisableTokenStorage().SetStateTokenLifetime(StateLifetime);
            client.UseAspNetCore()
                .EnableRedirectionEndpointPassthrough()
                .EnableErrorPassthrough()
                // TLS ends at Kestrel or at the proxy; Server:PublicBaseUrl says what the browser uses.
                .DisableTransportSecurityRequirement();
            client.UseSystemNetHttp()
                .ConfigureHttpClient(http => http.Timeout = TimeSpan.FromSeconds(10))
                // A code is redeemed once: to try again would burn it, and keep the person waiting.
                .SetHttpResiliencePipeline(pipeline => { });
            client.UseWebProviders();
            client.AddEventHandler(UseOwnAddress.Descriptor);
            client.AddEventHandler(AskForPkce.Descriptor);
            client.AddEventHandler(ContinueToProvider.Descriptor);
            client.AddEventHandler(UpstreamAnswer.OfCallback.Descriptor);
            client.AddEventHandler(UpstreamAnswer.OfToken.Descriptor);
            client.AddEventHandler(UpstreamAnswer.OfUserInfo.Descriptor);
            foreach (var provider in providers)
            {
                client.AddRegistration(RegistrationOf(provider));
            }
        });
        // What OpenIddict refuses of a registration stops the start, and not the first request.
        builder.Services.AddOptions<OpenIddictClientOptions>().ValidateOnStart().Configure<TimeProvider, EncryptionKeys>((client, time, keys) =>
        {
            client.TimeProvider = time;
            // OpenIddict 7.8 accepts an expired id_token.
            foreach (var parameters in client.Registrations.Select(registration => registration.TokenValidationParameters))
            {
                parameters.ValidateLifetime = true;
                parameters.LifetimeValidator = (notBefore, expires, _, _) =>
                    !(expires <= time.GetUtcNow().UtcDateTime - ClockSkew) && !(notBefore > time.GetUtcNow().UtcDateTime + ClockSkew);
            }

            // After a change of the encryption key, a sign-in that was under way still arrives.
            client.EncryptionCredentials.AddRange(keys.Derive("upstream state encryption").Select(key =>
                new EncryptingCredentials(new SymmetricSecurityKey(key), SecurityAlgorithms.Aes256KW, SecurityAlgorithms.Aes256CbcHmacSha512)));
            client.SigningCredentials.AddRange(keys.Derive("upstream state signature").Select(key =>
                new SigningCredentials(new SymmetricSecurityKey(key), SecurityAlgorithms.HmacSha256)));
        });
        builder.Services.AddOptions<OpenIddictClientAspNetCoreOptions>().Configure<PublicAddress>((client, address) =>
        {
            client.CookieBuilder.Name = address.IsHttps ? "__Host-mcpidentity-upstream" : "mcpidentity-upstream";
            client.CookieBuilder.SecurePolicy = address.IsHttps ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
            // The callback is a top-level GET: Lax is enough, and None would demand Secure on http://localhost.
            client.CookieBuilder.SameSite = SameSiteMode.Lax;
        });
    }

    private static bool HasAddresses(UpstreamProviderOptions options) =>
        new[] { options.Issuer, options.AuthorizationEndpoint, options.TokenEndpoint, options.UserInfoEndpoint }.All(address => string.IsNullOrEmpty(address) || Uri.TryCreate(address, UriKind.Absolute, out _));

    private static OpenIddictClientRegistration RegistrationOf(UpstreamProvider provider)
    {
        var options = provider.Options;
        var registration = new OpenIddictClientRegistration
        {
            RegistrationId = provider.Id,
            ProviderName = provider.Id,
            ProviderDisplayName = provider.DisplayName,
            ClientId = options.ClientId,
            ClientSecret = options.ClientSecret,
            Issuer = options.Issuer is { Length: > 0 } issuer ? new Uri(issuer) : null,
            // Relative to the public address: see UseOwnAddress.
            RedirectUri = new Uri(provider.CallbackPath.TrimStart('/'), UriKind.Relative),
        };
        // An answer by POST would come without our SameSite=Lax cookie.
        registration.ResponseModes.Add(ResponseModes.Query);
        registration.CodeChallengeMethods.Add(CodeChallengeMethods.Sha256);
        registration.Scopes.UnionWith(options.Scopes is { Count: > 0 } scopes ? scopes
            : provider.Type == UpstreamProvider.GitHub ? ["read:user", "user:email"] : [Scopes.OpenId, Scopes.Email, Scopes.Profile]);

        if (provider.Type != UpstreamProvider.Oidc)
        {
            registration.ProviderType = (string)typeof(OpenIddictClientWebIntegrationConstants.ProviderTypes).GetField(provider.Type)!.GetValue(null)!;
            registration.ProviderSettings = SettingsOf(provider);
        }

        if (provider.Type == UpstreamProvider.GitHub)
        {
            // OpenIddict's own description of GitHub says nothing of PKCE, which GitHub has had since 2025.
            registration.Issuer = new Uri("https://github.com/");
            registration.Configuration = new OpenIddict.Abstractions.OpenIddictConfiguration
            {
                Issuer = registration.Issuer,
                AuthorizationEndpoint = new Uri(options.AuthorizationEndpoint ?? "https://github.com/login/oauth/authorize"),
                TokenEndpoint = new Uri(options.TokenEndpoint ?? "https://github.com/login/oauth/access_token"),
                UserInfoEndpoint = new Uri(GitHubEmails.UserEndpointOf(provider)),
                GrantTypesSupported = { GrantTypes.AuthorizationCode },
                ResponseTypesSupported = { ResponseTypes.Code },
                ResponseModesSupported = { ResponseModes.Query },
                CodeChallengeMethodsSupported = { CodeChallengeMethods.Sha256 },
                TokenEndpointAuthMethodsSupported = { ClientAuthenticationMethods.ClientSecretPost },
            };
        }

        return registration;
    }

    // Plain objects with one property a setting, one type a provider.
    private static object SettingsOf(UpstreamProvider provider)
    {
        var type = typeof(OpenIddictClientWebIntegrationSettings).GetNestedType(provider.Type, BindingFlags.Public)!;
        var settings = Activator.CreateInstance(type)!;
        new ConfigurationBuilder().AddInMemoryCollection(provider.Options.Settings).Build().Bind(settings);
        return settings;
    }
}
