using McpIdentity.Mcp;
using McpIdentity.Server.Dispatching;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server;

/// <summary>OpenIddict, with the rules that it leaves to us: one handler class a rule.</summary>
internal static class AuthorizationServer
{
    public static void AddAuthorizationServer(this WebApplicationBuilder builder, OAuthServerOptions options)
    {
        builder.Services.AddSingleton<EventPlans>().AddScoped<IOpenIddictServerDispatcher, PlannedDispatcher>(); // before OpenIddict would add its own
        builder.Services.AddOpenIddict().AddServer(server => AddServer(server, options.Enabled));
        builder.Services.AddOptions<OpenIddictServerOptions>().Configure<IOptions<OAuthServerOptions>, IOptions<McpOptions>, ProtectedResources, TimeProvider>((server, oauth, mcp, resources, time) =>
        {
            server.TimeProvider = time;
            server.Scopes.Clear();
            server.Scopes.UnionWith(resources.AllScopes); // scopes_supported; what is granted says NormaliseScopes
            server.ConfigurationEndpointUris.Clear();
            server.ConfigurationEndpointUris.AddRange(Paths.ServerMetadata(mcp.Value.Path).Select(path => new Uri(path, UriKind.Relative)));
            server.AccessTokenLifetime = oauth.Value.AccessTokenLifetime;
            server.RefreshTokenLifetime = oauth.Value.RefreshTokenLifetime;
            server.AuthorizationCodeLifetime = oauth.Value.AuthorizationCodeLifetime;
        });
    }

    private static void AddServer(OpenIddictServerBuilder server, bool isServed)
    {
        server.SetAuthorizationEndpointUris(Paths.Authorize)
            .SetTokenEndpointUris(Paths.Token)
            .SetUserInfoEndpointUris(Paths.UserInfo)
            .SetIntrospectionEndpointUris(Paths.Introspect)
            .SetRevocationEndpointUris(Paths.Revoke)
            .SetJsonWebKeySetEndpointUris(Paths.KeySet);

        // The MCP revisions ask for PKCE with S256 from every client, public or not (RFC 7636; MCP 2025-11-25, authorization, "Authorization Code Protection").
        server.AllowAuthorizationCodeFlow().RequireProofKeyForCodeExchange();
        server.AllowRefreshTokenFlow().AllowClientCredentialsFlow();
        server.RegisterClaims(Claims.Email, Claims.EmailVerified, Claims.Name);
        server.Configure(options =>
        {
            options.CodeChallengeMethods.Remove(CodeChallengeMethods.Plain);
            options.ResponseModes.Remove(ResponseModes.Fragment);
            options.ResponseModes.Remove(ResponseModes.FormPost);
        });

        // Codes and refresh tokens live in the Grants table; access tokens carry their own proof and have no row at all.
        server.DisableTokenStorage().DisableAuthorizationStorage();

        // RFC 9068 access tokens that any resource server can read.
        server.DisableAccessTokenEncryption();

        // Scopes and resources are checked by NormaliseScopes and NormaliseResources. What a client wrote at its
        // registration never limits what it may ask later (docs/interoperability.md, "Scopes at registration").
        server.DisableScopeValidation().IgnoreScopePermissions();
        server.DisableResourceValidation().IgnoreResourcePermissions();

        foreach (var stage in Pipeline.Stages)
        {
            foreach (var step in stage.Steps.Where(PipelineStage.IsOurs))
            {
                server.AddEventHandler(step);
            }

            stage.Removed.ForEach(step => server.RemoveEventHandler(step));
        }

        if (!isServed)
        {
            return; // OpenIddict would look at every request, and miss its keys
        }

        server.UseAspNetCore()
            .EnableAuthorizationEndpointPassthrough()
            .EnableStatusCodePagesIntegration()
            // TLS ends at Kestrel or at the proxy; what clients may use is decided by Server:PublicBaseUrl.
            .DisableTransportSecurityRequirement();
    }
}
