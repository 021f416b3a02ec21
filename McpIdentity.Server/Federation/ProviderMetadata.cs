using McpIdentity.Mcp.IssuerKeys;
using Microsoft.IdentityModel.Protocols;
using OpenIddict.Abstractions;
using OpenIddict.Client;

namespace McpIdentity.Server.Federation;

/// <summary>
/// A provider's discovery document and keys, remembered as the MCP endpoint remembers those of a trusted issuer: the sign-in
/// that meets a new key waits for it, and a provider that does not answer leaves what is known in force.
/// </summary>
internal sealed class ProviderMetadata : IConfigurationManager<OpenIddictConfiguration>
{
    // People stand at the browser; nobody but the provider itself can send us a token here.
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    private readonly Published<OpenIddictConfiguration> _published;

    public ProviderMetadata(OpenIddictClientRegistration registration, OpenIddictClientService service, TimeProvider time, ILogger<ProviderMetadata> logger)
    {
        IConfigurationRetriever<OpenIddictConfiguration> retriever = new OpenIddictClientRetriever(service, registration);
        _published = new Published<OpenIddictConfiguration>(
            registration.RegistrationId!,
            cancel => retriever.GetConfigurationAsync(registration.ConfigurationEndpoint!.AbsoluteUri, new HttpDocumentRetriever(), cancel),
            configuration => configuration.SigningKeys,
            Pause, time, logger);
    }

    /// <exception cref="InvalidOperationException">The provider has not answered yet.</exception>
    public async Task<OpenIddictConfiguration> GetConfigurationAsync(CancellationToken cancel) =>
        await _published.GetAsync(cancel) ?? throw new InvalidOperationException("The provider's discovery document or keys cannot be read.", _published.Failure);

    /// <inheritdoc cref="Published{T}.GetNewerAsync"/>
    public ValueTask<OpenIddictConfiguration?> GetNewerAsync(OpenIddictConfiguration tried, CancellationToken cancellationToken) =>
        _published.GetNewerAsync(tried, cancellationToken);

    /// <summary>OpenIddict asks for it when it has refused a token; <see cref="MeetNewKeys"/> has done it before.</summary>
    public void RequestRefresh()
    {
    }
}
