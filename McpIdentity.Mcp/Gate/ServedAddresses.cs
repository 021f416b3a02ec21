using System.Collections.Concurrent;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace McpIdentity.Mcp.Gate;

/// <summary>
/// The gate and the metadata of each address that the host answers to: one, prepared at the start. A host that names itself
/// by the request (<see cref="IMcpPublicAddress"/>) gets a set of its own for each name, so that issuer, audience, challenge
/// and the tokens already verified never mix.
/// </summary>
internal sealed class ServedAddresses(IServiceProvider services, IOptions<McpOptions> options)
{
    // A developer's tunnel gets another name at each start. Beyond this many names all are forgotten, and made again when next used.
    private const int Limit = 16;

    private readonly IMcpPublicAddress? _address = services.GetService<IMcpPublicAddress>();
    private readonly Served _usual = new(services.GetRequiredService<McpGate>(), services.GetRequiredService<ResourceMetadata>(), services.GetRequiredService<SiteRules>());
    private readonly ConcurrentDictionary<string, Served> _others = new(StringComparer.Ordinal);

    public Served For(HttpContext context)
    {
        if (_address is null || _address.BaseUrlOf(context) is not { } baseUrl || baseUrl == options.Value.PublicBaseUrl)
        {
            return _usual;
        }

        if (_others.TryGetValue(baseUrl, out var served))
        {
            return served;
        }

        if (_others.Count >= Limit)
        {
            _others.Clear();
        }

        return _others[baseUrl] = Create(baseUrl);
    }

    private Served Create(string baseUrl)
    {
        var mcp = new OptionsWrapper<McpOptions>(options.Value.At(baseUrl));
        var credentials = Make<CredentialCheck>(mcp, Make<TrustedIssuers>(mcp), Make<VerifiedTokens>());
        var site = Make<SiteRules>(mcp);
        return new Served(Make<McpGate>(mcp, site, credentials, Make<AccessRefusal>(mcp)), Make<ResourceMetadata>(mcp), site);
    }

    private T Make<T>(params object[] own) => ActivatorUtilities.CreateInstance<T>(services, own);

    internal sealed record Served(McpGate Gate, ResourceMetadata Metadata, SiteRules Site);
}
