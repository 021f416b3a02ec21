using System.Collections.Concurrent;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace McpIdentity.Mcp.Gate;

/// <summary>
/// The gate and the metadata of one endpoint, for each address that the host answers to: one, prepared at the start. A host that
/// names itself by the request (<see cref="IMcpPublicAddress"/>) gets a set of its own for each name. So issuer, audience, challenge
/// and the tokens already verified mix neither between names nor between endpoints.
/// </summary>
/// <param name="services">The host's.</param>
/// <param name="options">Of the endpoint, at its usual address.</param>
/// <param name="rules">Who may do what there.</param>
/// <param name="describe">Its metadata, by its options at one address.</param>
internal sealed class ServedAddresses(IServiceProvider services, McpOptions options, IAccessRules rules, Func<McpOptions, ResourceMetadata> describe)
{
    // A developer's tunnel gets another name at each start. Beyond this many names all are forgotten, and made again when next used.
    private const int Limit = 16;

    private readonly IMcpPublicAddress? _address = services.GetService<IMcpPublicAddress>();
    private readonly ConcurrentDictionary<string, Served> _others = new(StringComparer.Ordinal);
    private Served? _usual;

    public Served Usual => _usual ??= Create(options);

    public Served For(HttpContext context)
    {
        if (_address is null || _address.BaseUrlOf(context) is not { } baseUrl || baseUrl == options.PublicBaseUrl)
        {
            return Usual;
        }

        if (_others.TryGetValue(baseUrl, out var served))
        {
            return served;
        }

        if (_others.Count >= Limit)
        {
            _others.Clear();
        }

        return _others[baseUrl] = Create(options.At(baseUrl));
    }

    private Served Create(McpOptions at)
    {
        var mcp = new OptionsWrapper<McpOptions>(at);
        var credentials = Make<CredentialCheck>(mcp, Make<TrustedIssuers>(mcp), Make<VerifiedTokens<VerifiedCaller>>());
        var site = Make<SiteRules>(mcp);
        var gate = Make<McpGate>(mcp, site, credentials, Make<McpLimits>(mcp), rules, Make<AccessRefusal>(mcp));
        return new Served(gate, describe(at), site, credentials);
    }

    private T Make<T>(params object[] own) => ActivatorUtilities.CreateInstance<T>(services, own);

    internal sealed record Served(McpGate Gate, ResourceMetadata Metadata, SiteRules Site, CredentialCheck Credentials);
}
