using McpIdentity.Mcp.IssuerKeys;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Server.Federation;

/// <summary>
/// Checks the id_token that comes with Google's answer (OpenID Connect Core §3.1.3.7): ASP.NET's handler for Google speaks
/// OAuth only and never looks at it, so that a token of another sign-in would pass (B-06).
/// </summary>
internal sealed class GoogleIdToken
{
    /// <summary>Where the nonce of a sign-in travels in its protected state.</summary>
    public const string NonceItem = "nonce";

    private const string Keys = "https://www.googleapis.com/oauth2/v3/certs";

    private static readonly string[] Issuers = ["https://accounts.google.com", "accounts.google.com"];
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(1);

    private readonly TimeProvider _time;
    private readonly string? _clientId;
    private readonly PublishedKeys _keys;

    public GoogleIdToken(IOptions<OAuthServerOptions> options, KeyDiscovery discovery, TimeProvider time, ILogger<GoogleIdToken> logger)
    {
        (_time, _clientId) = (time, options.Value.GoogleClientId);
        // Whoever plays Google under another address publishes its keys there too.
        var address = options.Value.GoogleTokenEndpoint is { } other ? new Uri(new Uri(other), "/oauth2/v3/certs").AbsoluteUri : Keys;
        _keys = new PublishedKeys("Google", cancel => discovery.FromJwksAsync(address, cancel), time, logger);
    }

    /// <summary>The token is not Google's, not for us, not of this sign-in, or too old.</summary>
    public sealed class InvalidException(string message) : Exception(message);

    /// <exception cref="InvalidException">Says which check failed.</exception>
    /// <exception cref="HttpRequestException">There is no key to check it with.</exception>
    public async Task<JsonWebToken> CheckAsync(string? idToken, string? nonce, string? subject, CancellationToken cancellationToken)
    {
        var keys = await _keys.GetAsync(cancellationToken) ?? throw new HttpRequestException(HttpRequestError.ConnectionError, "Google's keys cannot be read.");
        var result = await ValidateAsync(idToken, keys);
        if (result.Exception is SecurityTokenInvalidSignatureException && await _keys.GetNewerAsync(keys, cancellationToken) is { } newer)
        {
            // Google changes its keys every few weeks.
            result = await ValidateAsync(idToken, newer);
        }

        if (!result.IsValid)
        {
            throw new InvalidException($"Google's id_token is refused: {result.Exception?.GetType().Name}.");
        }

        var token = (JsonWebToken)result.SecurityToken;
        if (nonce is null || !token.TryGetPayloadValue<string>("nonce", out var said) || said != nonce)
        {
            throw new InvalidException("Google's id_token carries another nonce.");
        }

        if (subject is not null && token.Subject != subject)
        {
            throw new InvalidException("Google's id_token speaks of someone else than userinfo does (OpenID Connect Core §5.3.2).");
        }

        return token;
    }

    private Task<TokenValidationResult> ValidateAsync(string? idToken, IReadOnlyList<SecurityKey> keys) =>
        new JsonWebTokenHandler { MapInboundClaims = false }.ValidateTokenAsync(idToken, new TokenValidationParameters
        {
            ValidIssuers = Issuers,
            ValidAudience = _clientId,
            IssuerSigningKeyResolver = (_, _, id, _) => keys.Where(key => string.IsNullOrEmpty(id) || string.IsNullOrEmpty(key.KeyId) || key.KeyId == id),
            ValidAlgorithms = [SecurityAlgorithms.RsaSha256],
            RequireExpirationTime = true,
            LifetimeValidator = (notBefore, expires, _, _) =>
                expires > _time.GetUtcNow().UtcDateTime - ClockSkew && !(notBefore > _time.GetUtcNow().UtcDateTime + ClockSkew),
        });
}
