using McpIdentity.Server.Keys;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Client;
using OpenIddict.Client.AspNetCore;

namespace McpIdentity.Server.Federation;

/// <summary>
/// Every provider but Google, by OpenIddict's client: state, PKCE, nonce and the checks of the id_token are its work. Here
/// is what it is told, and where it must fit to our pages.
/// </summary>
internal static class UpstreamClients
{
    // Tokens, a profile, a set of keys.
    private const int MaxAnswer = 1024 * 1024;

    private static readonly TimeSpan StateLifetime = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(1);

    public static void AddUpstreamClients(this WebApplicationBuilder builder, OAuthServerOptions oauth)
    {
        var providers = UpstreamProvider.ListFrom(oauth)
            .Where(provider => provider.IsUsable && provider.Id != GoogleSignIn.Scheme && UpstreamProvider.KnownType(provider.Type) is not null)
            .ToList();
        // What is wrong with a provider is the options' rules to say; nothing can be built of it here.
        if (providers.Count == 0 || providers.Exists(provider => UpstreamProviderRules.Check(provider, builder.Environment).Any()))
        {
            return;
        }

        builder.Services.AddHttpClient<GitHubEmails>(http => (http.Timeout, http.MaxResponseContentBufferSize) = (TimeSpan.FromSeconds(10), MaxAnswer));
        builder.Services.AddHttpClient<GraphGroups>(http => (http.Timeout, http.MaxResponseContentBufferSize) = (GraphGroups.Patience, MaxAnswer))
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { AllowAutoRedirect = false });
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
                .ConfigureHttpClient(http => (http.Timeout, http.MaxResponseContentBufferSize) = (TimeSpan.FromSeconds(10), MaxAnswer))
                // A code is redeemed once: to try again would burn it, and keep the person waiting.
                .SetHttpResiliencePipeline(pipeline => { });
            client.UseWebProviders();
            client.AddEventHandler(UseOwnAddress.Descriptor);
            client.AddEventHandler(ReadProviderMetadata.Descriptor);
            client.AddEventHandler(ContinueToProvider.Descriptor);
            client.AddEventHandler(IgnoreForeignKeys.Descriptor);
            client.AddEventHandler(MeetNewKeys.Descriptor);
            client.AddEventHandler(RefuseUnreadableText.Descriptor);
            client.AddEventHandler(UpstreamAnswer.OfCallback.Descriptor);
            client.AddEventHandler(UpstreamAnswer.OfMetadata.Descriptor);
            client.AddEventHandler(UpstreamAnswer.OfToken.Descriptor);
            client.AddEventHandler(UpstreamAnswer.OfUserInfo.Descriptor);
            foreach (var provider in providers)
            {
                client.AddRegistration(UpstreamRegistration.Of(provider));
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
                // IdentityModel would take the first key of that id, and there may be two, of different types.
                parameters.IssuerSigningKeyResolver = (_, _, id, all) =>
                    all.IssuerSigningKeys.Where(key => string.IsNullOrEmpty(id) || string.IsNullOrEmpty(key.KeyId) || key.KeyId == id);
            }

            // After a change of the encryption key, a sign-in that was under way still arrives.
            client.EncryptionCredentials.AddRange(keys.Derive("upstream state encryption").Select(key =>
                new EncryptingCredentials(new SymmetricSecurityKey(key), SecurityAlgorithms.Aes256KW, SecurityAlgorithms.Aes256CbcHmacSha512)));
            client.SigningCredentials.AddRange(keys.Derive("upstream state signature").Select(key =>
                new SigningCredentials(new SymmetricSecurityKey(key), SecurityAlgorithms.HmacSha256)));
        });
        // After OpenIddict has given each registration a manager of its own.
        builder.Services.AddOptions<OpenIddictClientOptions>().PostConfigure<OpenIddictClientService, TimeProvider, ILogger<ProviderMetadata>>((client, service, time, logger) =>
        {
            foreach (var registration in client.Registrations.Where(registration => registration.Configuration is null))
            {
                registration.ConfigurationManager = new ProviderMetadata(registration, service, time, logger);
            }
        });
        builder.Services.AddOptions<OpenIddictClientAspNetCoreOptions>().Configure<PublicAddress>((client, address) =>
        {
            client.CookieBuilder.Name = address.IsHttps ? "__Host-mcpidentity-upstream" : "mcpidentity-upstream";
            client.CookieBuilder.SecurePolicy = address.IsHttps ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
            // The callback is a top-level GET: Lax is enough, and None would demand Secure on http://localhost.
            client.CookieBuilder.SameSite = SameSiteMode.Lax;
        });
    }
}
