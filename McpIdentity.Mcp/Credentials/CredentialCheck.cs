using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace McpIdentity.Mcp.Credentials;

/// <summary>From the credentials of one request to its caller.</summary>
internal sealed partial class CredentialCheck
{
    private readonly TrustedIssuers _issuers;
    private readonly TokenVerifier _verifier;
    private readonly VerifiedTokens<VerifiedCaller> _verified;
    private readonly IMcpSigningKeys? _ownKeys;
    private readonly IMcpSessionStore? _sessions;
    private readonly TimeProvider _time;
    private readonly ILogger<CredentialCheck> _logger;
    private readonly bool _requireValidSession;

    public CredentialCheck(
        TrustedIssuers issuers, TokenVerifier verifier, VerifiedTokens<VerifiedCaller> verified, IOptions<McpOptions> options, IServiceProvider services,
        TimeProvider time, ILogger<CredentialCheck> logger)
    {
        (_issuers, _verifier, _verified, _time, _logger) = (issuers, verifier, verified, time, logger);
        _ownKeys = services.GetService<IMcpSigningKeys>();
        _requireValidSession = options.Value.Auth.OAuth.RequireValidSession || options.Value.AuthEnforcement.RequireValidSession == true; // SEED-066
        _sessions = services.GetService<IMcpSessionStore>();
    }

    /// <summary>Who showed the same one credential lately, for the limits alone: a hash and a look into memory.</summary>
    public VerifiedCaller? Recall(PresentedCredentials credentials) =>
        credentials is { First: { Length: <= UnverifiedToken.MaxLength } token, Second: null, Refusal: null } ? _verified.Find(TokenHash.Compute(token)) : null;

    public async ValueTask<TokenOutcome> CheckAsync(PresentedCredentials credentials, CancellationToken cancellationToken)
    {
        if (credentials.Refusal is { } refusal)
        {
            return TokenOutcome.Refused(refusal);
        }

        var first = credentials.First is { } token ? await CheckTokenAsync(token, cancellationToken) : default;
        if (first.Refusal is not null || credentials.Second is null)
        {
            return first;
        }

        var second = await CheckTokenAsync(credentials.Second, cancellationToken);
        return second.Caller is null || first.Caller is null ? second : VerifiedCaller.Join(first.Caller, second.Caller);
    }

    /// <summary>
    /// Whether a caller who was verified before would still be let in, for what outlasts its request. While it cannot be found out
    /// whether the session behind a token lives, what was known last holds, until the token expires.
    /// </summary>
    public async ValueTask<bool> IsStillGoodAsync(VerifiedCaller caller, CancellationToken cancellationToken)
    {
        if (caller.Expires <= _time.GetUtcNow())
        {
            return false;
        }

        try
        {
            return !caller.IsOwn || (IsInForce(caller.KeyId) && await IsAliveAsync(caller, cancellationToken));
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested)
        {
            return true; // The store is the host's, and may throw what it likes: a timeout of its own is a cancellation too.
        }
    }

    private async ValueTask<TokenOutcome> CheckTokenAsync(string token, CancellationToken cancellationToken)
    {
        if (token.Length > UnverifiedToken.MaxLength)
        {
            return TokenOutcome.Refused(TokenRefusals.Malformed);
        }

        var hash = TokenHash.Compute(token);
        // Of other issuers we do not know what has ended meanwhile: each time anew.
        var outcome = _verified.Find(hash) is { IsOwn: true } known && IsInForce(known.KeyId) ? known : await VerifyAsync(token, hash, cancellationToken);
        return outcome.Caller is { IsOwn: true } caller ? await CheckSessionAsync(caller, cancellationToken) : outcome;
    }

    private async ValueTask<TokenOutcome> CheckSessionAsync(VerifiedCaller caller, CancellationToken cancellationToken)
    {
        try
        {
            return await IsAliveAsync(caller, cancellationToken)
                ? caller
                : TokenOutcome.Refused(TokenRefusals.Session, new TokenFlaw { ClientId = caller.ClientId, Subject = caller.Subject, SessionId = caller.SessionId, GrantId = caller.GrantId });
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // The store is the host's, and may throw what it likes. The session may live or not: 503, neither 200 nor 401.
            SessionsUnavailable(exception);
            return TokenOutcome.SessionsUnavailable;
        }
    }

    private async ValueTask<TokenOutcome> VerifyAsync(string raw, TokenHash hash, CancellationToken cancellationToken)
    {
        using var token = UnverifiedToken.TryRead(raw);
        if (token is null)
        {
            return TokenOutcome.Refused(TokenRefusals.Malformed);
        }

        if (_issuers.RulesFor(token) is not { } rules)
        {
            return TokenOutcome.Refused(TokenRefusals.Issuer);
        }

        var outcome = await _verifier.VerifyAsync(token, rules, cancellationToken);
        if (outcome.Caller is { } caller)
        {
            _verified.Add(hash, caller, caller.Expires);
        }

        return rules.IsOwn && outcome.Refusal == TokenRefusals.Signature && token.KeyId is { } keyId && _ownKeys?.HasLost(keyId) == true
            ? TokenOutcome.Refused(TokenRefusals.Session)
            : outcome;
    }

    private bool IsInForce(string? keyId) => _ownKeys is null || _ownKeys.SigningKeys.Any(key => key.KeyId == keyId);

    private ValueTask<bool> IsAliveAsync(VerifiedCaller caller, CancellationToken cancellationToken) =>
        _sessions?.IsAliveAsync(
            new McpTokenIdentity(
                caller.TokenId, caller.GrantId, _requireValidSession ? caller.SessionId : null, caller.ClientId, caller.Subject, caller.IssuedAt),
            cancellationToken) ?? new(true);

    [LoggerMessage(3113, LogLevel.Warning, "Whether a token's session lives could not be found out; the call was answered 503.")]
    private partial void SessionsUnavailable(Exception exception);
}
