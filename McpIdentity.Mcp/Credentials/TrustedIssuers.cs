using System.Text;
using McpIdentity.Mcp.IssuerKeys;
using McpIdentity.Mcp.Metadata;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Mcp.Credentials;

/// <summary>Knows by whose rules a token is judged. The kind of a token is read from its issuer, never from the header it came in.</summary>
internal sealed partial class TrustedIssuers
{
    private static readonly string[] AccessTokenTypes = ["at+jwt", "application/at+jwt"];
    private static readonly string?[] ForeignTypes = [null, "JWT", .. AccessTokenTypes];
    private static readonly string[] UsualScopeClaims = ["scopes", "scope", "scp"];

    private readonly IssuerRules? _own;
    private readonly IssuerRules[] _foreign;
    private readonly KeyDiscovery _discovery;
    private readonly EndpointScopes _scopes;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private bool _hasCompared;

    public TrustedIssuers(
        IOptions<McpOptions> mcp, IOptions<ExternalJwtOptions> jwt, IServiceProvider services, KeyDiscovery discovery, EndpointScopes scopes,
        TimeProvider time, ILogger<TrustedIssuers> logger)
    {
        (_discovery, _scopes, _time, _logger) = (discovery, scopes, time, logger);
        var auth = mcp.Value.Auth;
        _own = auth.AcceptsOAuth ? Own(mcp.Value, services.GetService<IMcpSigningKeys>()) : null;
        _foreign = auth.AcceptsJwt ? [.. jwt.Value.All.Select(issuer => Foreign(issuer, mcp.Value))] : [];
    }

    /// <summary>Null: no such issuer is trusted here. Then no key is looked for, and nothing fetched.</summary>
    public IssuerRules? RulesFor(UnverifiedToken token) =>
        _own?.Issuer == token.Issuer ? _own : Array.Find(_foreign, rules => rules.Issuer == token.Issuer);

    private IssuerRules Own(McpOptions mcp, IMcpSigningKeys? keys)
    {
        var issuer = mcp.Auth.OAuth.Issuer!;
        return new IssuerRules
        {
            IsOwn = true,
            Issuer = issuer,
            Audience = mcp.Resource,
            Keys = keys is not null
                ? new KeysAtHand(() => keys.SigningKeys)
                : new PublishedKeys(issuer, cancel => _discovery.FromIssuerAsync(issuer, cancel, CompareScopes), _time, _logger),
            Algorithms = TokenAlgorithms.Own,
            ClockSkew = TimeSpan.FromSeconds(30),
            ScopeClaims = [ClaimNames.Scope],
            Types = AccessTokenTypes, // RFC 9068 §4
        };
    }

    private IssuerRules Foreign(TrustedIssuerOptions options, McpOptions mcp)
    {
        var symmetric = !string.IsNullOrEmpty(options.Secret);
        return new IssuerRules
        {
            Issuer = options.ExpectedIssuer!,
            Audience = string.IsNullOrEmpty(options.Audience) ? mcp.Resource : options.Audience,
            Keys = symmetric ? SecretOf(options) : PublishedBy(options),
            Algorithms = options.Algorithms.Count > 0 ? [.. options.Algorithms] : symmetric ? TokenAlgorithms.Symmetric : TokenAlgorithms.Asymmetric,
            ClockSkew = TimeSpan.FromSeconds(options.ClockSkewSeconds),
            ScopeClaims = options.ScopeClaims.Count > 0 ? [.. options.ScopeClaims] : UsualScopeClaims,
            SubjectClaim = options.SubjectClaim,
            Types = ForeignTypes,
            RequireValidSignature = mcp.Auth.Jwt.RequireValidSignature,
            AllowExpiredTokens = mcp.Auth.Jwt.AllowExpiredTokens,
        };
    }

    private KeysAtHand SecretOf(TrustedIssuerOptions options)
    {
        var secret = Encoding.UTF8.GetBytes(options.Secret!);
        if (secret.Length < TokenAlgorithms.MinSecretBytes)
        {
            // RFC 2104 §2 pads a short key with zeros anyway, so the signatures stay the same; IdentityModel refuses short keys.
            ShortSecret(options.ExpectedIssuer!, secret.Length);
            Array.Resize(ref secret, TokenAlgorithms.MinSecretBytes);
        }

        SecurityKey[] keys = [new SymmetricSecurityKey(secret)];
        return new KeysAtHand(() => keys);
    }

    private PublishedKeys PublishedBy(TrustedIssuerOptions options) => new(
        options.ExpectedIssuer!,
        string.IsNullOrEmpty(options.JwksUri)
            ? cancel => _discovery.FromIssuerAsync(options.Authority!, cancel)
            : cancel => _discovery.FromJwksAsync(options.JwksUri, cancel),
        _time, _logger);

    // A tool whose scope the authorization server does not know is closed to everybody, and nobody would say why.
    private void CompareScopes(ICollection<string> supported)
    {
        if (_hasCompared || supported.Count == 0)
        {
            return; // RFC 8414 §2: the member is optional
        }

        _hasCompared = true;
        foreach (var scope in _scopes.All.Where(scope => !supported.Contains(scope)))
        {
            UnknownScope(_own!.Issuer, scope);
        }
    }

    [LoggerMessage(3122, LogLevel.Warning,
        "The authorization server {Issuer} does not know the scope '{Scope}', which this MCP server needs. Name it in the entry of its OAuth:Resources for this resource.")]
    private partial void UnknownScope(string issuer, string scope);

    [LoggerMessage(3121, LogLevel.Warning, "The JWT secret of {Issuer} has {Length} bytes; Production refuses fewer than 32.")]
    private partial void ShortSecret(string issuer, int length);
}
