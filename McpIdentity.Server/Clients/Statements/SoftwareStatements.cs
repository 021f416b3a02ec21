using System.Text.Json;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.IssuerKeys;
using McpIdentity.Server.Clients.Assertions;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Clients.Statements;

/// <summary>
/// Judges the software statement of a registration (RFC 7591 §2.3), a JWT of an issuer in <c>OAuth:Registration:SoftwareStatements</c>,
/// and puts what it says in the place of what the client says.
/// </summary>
internal sealed class SoftwareStatements
{
    // RFC 7591 names no type, and issuers write "JWT" or none. A token that says what else it is, is no statement (RFC 8725 §3.11).
    private static readonly string?[] Types = [null, "JWT", "application/jwt"];

    private readonly Dictionary<string, IKeySource> _issuers;
    private readonly PublicAddress _address;
    private readonly TimeProvider _time;

    public SoftwareStatements(
        IOptions<OAuthServerOptions> options, KeyDiscovery discovery, PublicAddress address, TimeProvider time, ILogger<SoftwareStatements> logger)
    {
        (_address, _time) = (address, time);
        _issuers = options.Value.Registration.SoftwareStatements.ToDictionary(issuer => issuer.Issuer!, KeysOf, StringComparer.Ordinal);

        IKeySource KeysOf(SoftwareStatementOptions issuer)
        {
            if (ConfiguredKeys.Read(issuer.Jwks) is not { } set)
            {
                return new PublishedKeys(issuer.Issuer!, cancel => discovery.FromJwksAsync(issuer.JwksUri!, cancel), time, logger);
            }

            var keys = KeySet.Read(set.GetRawText(), issuer.Issuer!);
            return new KeysAtHand(() => keys);
        }
    }

    /// <summary>Whether the statements of anybody count.</summary>
    public bool AreTaken => _issuers.Count > 0;

    /// <summary>Whether those of this issuer do.</summary>
    public bool AreTakenOf(string issuer) => _issuers.ContainsKey(issuer);

    /// <param name="metadata">What a client sent, which afterwards says what the statement says.</param>
    /// <param name="before">The statement by which the client was registered, where this is an update.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <returns>The statement, or why it is refused; neither where there is none.</returns>
    public async Task<(SoftwareStatement?, OAuthError?)> ApplyAsync(ClientMetadata metadata, SoftwareStatement? before, CancellationToken cancellationToken)
    {
        if (!AreTaken && before is null)
        {
            return (null, null); // RFC 7591 §3.1.1: a server that takes none may ignore it
        }

        if (IsAbsent(metadata.SoftwareStatement))
        {
            // What a statement fixed would be the client's to change.
            return (null, before is null ? null : Invalid("This client was registered by a software statement: an update has to hold it too, or a newer one."));
        }

        using var token = ClientMetadataRules.TextOf(metadata.SoftwareStatement!.Value) is { } text ? UnverifiedToken.TryRead(text) : null;
        if (token is null)
        {
            return (null, Invalid($"It is not a signed JWT of at most {UnverifiedToken.MaxLength} characters, with each member once."));
        }

        if (await CheckAsync(token, cancellationToken) is { } refusal)
        {
            return (null, refusal);
        }

        if (ReadClaims(token) is not { } claims)
        {
            return (null, Invalid("What it says of the client must be members of RFC 7591, each of its type."));
        }

        metadata.Override(claims);
        var statement = new SoftwareStatement(token.Issuer!, SoftwareStatement.VouchesFor(claims, metadata), token.Raw);
        return before is { Vouches: true } && !statement.Vouches ? (null, DoesNotVouch) : (statement, null);
    }

    /// <summary>Where somebody has to vouch for a client, and its statement does not.</summary>
    public static OAuthError DoesNotVouch => RegistrationErrors.UnapprovedSoftwareStatement(
        "It does not say where the client's answers go (redirect_uris), or of a service, with which keys it authenticates (private_key_jwt): whoever has a copy could register.");

    private async ValueTask<OAuthError?> CheckAsync(UnverifiedToken token, CancellationToken cancellationToken)
    {
        if (token.Issuer is not { Length: > 0 } issuer)
        {
            return Invalid("It needs an issuer (iss).");
        }

        if (!_issuers.TryGetValue(issuer, out var source))
        {
            return RegistrationErrors.UnapprovedSoftwareStatement("The operator of this server takes no statements of its issuer (iss).");
        }

        // A shared secret is none here: the only one that both sides know would be a public key.
        if (!TokenAlgorithms.Asymmetric.Contains(token.Algorithm))
        {
            return Invalid($"It must be signed with one of {string.Join(", ", TokenAlgorithms.Asymmetric)}.");
        }

        var (isKnown, key) = await TokenVerifier.FindKeyAsync(token, source, cancellationToken);
        if (!isKnown)
        {
            return new OAuthError(Errors.TemporarilyUnavailable, "The keys of the statement's issuer cannot be read at the moment. Try again shortly.") { StatusCode = StatusCodes.Status503ServiceUnavailable };
        }

        return key is null ? Invalid("None of its issuer's keys has signed it.")
            : !Types.Contains(token.Type, StringComparer.OrdinalIgnoreCase) ? Invalid("It is a token of another type (typ).")
            : CheckLifetime(token.Payload) ?? CheckAudience(token.Payload);
    }

    // RFC 7519 §4.1.4, §4.1.5: each may be absent. A statement comes with a program, and is good for as long as that.
    private OAuthError? CheckLifetime(JsonElement payload)
    {
        var now = _time.GetUtcNow().ToUnixTimeSeconds();
        var skew = AuthenticateByAssertion.ClockSkew.TotalSeconds;
        return NumericDate.Read(payload, ClaimNames.NotBefore) > now + skew ? Invalid("It is not valid yet (nbf).")
            : NumericDate.Read(payload, ClaimNames.Expires) <= now - skew ? Invalid("It has expired (exp).")
            : null;
    }

    // RFC 7519 §4.1.3: one that is meant for somebody is meant for nobody else.
    private OAuthError? CheckAudience(JsonElement payload) =>
        !payload.TryGetProperty(ClaimNames.Audience, out _) ||
        CallerReader.Texts(payload, ClaimNames.Audience).Any(audience => audience == _address.Issuer || audience == _address.BaseUri.AbsoluteUri || audience == _address.UrlOf(Paths.Register))
            ? null
            : Invalid("It is meant for other servers (aud).");

    // What is a JWT's own (iss, exp, jti and the like) is no member of a registration, and so is not read.
    private static ClientMetadata? ReadClaims(UnverifiedToken token)
    {
        try
        {
            return token.Payload.Deserialize(ClientsJson.Default.ClientMetadata);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool IsAbsent(JsonElement? statement) =>
        statement is not { } value || value.ValueKind == JsonValueKind.Null || (value.ValueKind == JsonValueKind.String && value.ValueEquals(""));

    private static OAuthError Invalid(string why) => RegistrationErrors.InvalidSoftwareStatement(why);
}
