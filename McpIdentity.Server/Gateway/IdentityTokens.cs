using System.Security.Cryptography;
using McpIdentity.Mcp;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Gateway;

/// <summary>
/// Says to a server behind this one who calls: a JWT that our published keys verify. Its type and audience keep it from being taken
/// for an access token here or for another server (RFC 8725 §3.11, §3.9).
/// </summary>
internal sealed class IdentityTokens(SigningKeyRing keys, PublicAddress address, PolicyDecisions policy, People people, TimeProvider time) : IDisposable
{
    public const string Type = "identity+jwt";

    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(2);

    // A signature a minute for who calls all the time; groups that were taken away are gone after it.
    private static readonly TimeSpan Remembered = TimeSpan.FromMinutes(1);

    private static readonly JsonWebTokenHandler Handler = new() { SetDefaultTimesOnTokenCreation = false };

    private readonly MemoryCache _made = BoundedCache.Of(10_000, time);

    /// <param name="server">Who reads it.</param>
    /// <param name="caller">Who calls; null for this server itself.</param>
    /// <param name="cancellationToken">Ends the wait when the caller has gone.</param>
    public async ValueTask<string> ForAsync(FrontedServer server, VerifiedCaller? caller, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var audience = server.Options.Upstream.Audience ?? server.Address;
        var key = (address.Issuer, audience, caller?.Subject, caller?.ClientId);
        if (_made.TryGetValue(key, out Made? known) && known!.At + Remembered > now)
        {
            return known.Token;
        }

        var token = await CreateAsync(audience, Type, caller, [], cancellationToken);
        _made.Set(key, new Made(token, now), new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Lifetime });
        return token;
    }

    /// <summary>One that is shown once.</summary>
    /// <param name="audience">Who reads it.</param>
    /// <param name="type">Of the JWT (RFC 7515 §4.1.9).</param>
    /// <param name="caller">Who calls; null for this server itself.</param>
    /// <param name="more">What it says beside who that is.</param>
    /// <param name="cancellationToken">Ends the wait when the caller has gone.</param>
    public async ValueTask<string> CreateAsync(string audience, string type, VerifiedCaller? caller, IEnumerable<KeyValuePair<string, object>> more, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var claims = new Dictionary<string, object>(more, StringComparer.Ordinal)
        {
            [JwtRegisteredClaimNames.Jti] = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(16)),
            [Claims.Subject] = caller?.Subject ?? address.Issuer,
        };
        if (caller is not null)
        {
            await DescribeAsync(caller, claims, cancellationToken);
        }

        return Handler.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = address.Issuer,
            Audience = audience,
            IssuedAt = now.UtcDateTime,
            Expires = (now + Lifetime).UtcDateTime,
            Claims = claims,
            TokenType = type,
            SigningCredentials = keys.Signing,
        });
    }

    public void Dispose() => _made.Dispose();

    private async ValueTask DescribeAsync(VerifiedCaller caller, Dictionary<string, object> claims, CancellationToken cancellationToken)
    {
        if (caller.ClientId is { } client)
        {
            claims["act"] = new Dictionary<string, object> { [Claims.Subject] = client }; // RFC 8693 §4.1
        }

        if (caller.Subject == caller.ClientId || await people.FindAsync(caller.Subject, cancellationToken) is not { } person)
        {
            return; // a client that speaks for itself
        }

        foreach (var (claim, value) in new[] { (Claims.Name, person.Name), (Claims.Email, person.Email) })
        {
            if (value is not null)
            {
                claims[claim] = value;
            }
        }

        if (person.Email is not null)
        {
            claims[Claims.EmailVerified] = person.EmailVerified;
        }

        // Those that the policy speaks of: a provider may say hundreds, which are nobody's business here and would not fit into a header.
        var who = await policy.CallerAsync(caller.Subject, caller.ClientId, cancellationToken);
        claims["groups"] = who.Groups.Where(group => who.Policy?.NamedGroups.Contains(group) == true).Order(StringComparer.Ordinal).ToArray();
    }

    private sealed record Made(string Token, DateTimeOffset At);
}
