using McpIdentity.Mcp.IssuerKeys;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Discovery;

/// <summary>What RFC 8414 metadata says beyond OpenIddict's: the exact issuer, registration, public clients.</summary>
internal sealed class DescribeServer(PublicAddress address, ProtectedResources resources, IOptions<OAuthServerOptions> options)
    : IOpenIddictServerHandler<HandleConfigurationRequestContext>
{
    public ValueTask HandleAsync(HandleConfigurationRequestContext context)
    {
        context.Metadata[Metadata.Issuer] = address.Issuer;
        if (options.Value.Registration.PolicyInForce() != RegistrationPolicy.Off)
        {
            context.Metadata["registration_endpoint"] = address.UrlOf(Paths.Register);
        }

        if (options.Value.TakesClientDocuments())
        {
            context.Metadata["client_id_metadata_document_supported"] = true;
        }

        context.Metadata["protected_resources"] = new OpenIddictParameter([.. resources.Canonical]); // RFC 9728 §4

        // Public clients authenticate with nothing but PKCE, and Claude looks for this (docs/interoperability.md, "Public clients in the metadata").
        context.TokenEndpointAuthenticationMethods.Add(ClientAuthenticationMethods.None);
        context.RevocationEndpointAuthenticationMethods.Add(ClientAuthenticationMethods.None);

        // RFC 8414 §2: whoever names private_key_jwt says how it may be signed.
        foreach (var endpoint in (string[])["token", "introspection", "revocation"])
        {
            context.Metadata[$"{endpoint}_endpoint_auth_signing_alg_values_supported"] = new OpenIddictParameter([.. TokenAlgorithms.Asymmetric]);
        }

        return default;
    }
}
