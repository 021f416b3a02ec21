using System.Text;
using McpIdentity.Mcp.IssuerKeys;
using Microsoft.Extensions.Hosting;

namespace McpIdentity.Mcp.Options;

/// <summary>What is wrong with the configured foreign issuers.</summary>
internal static class ExternalJwtRules
{
    public static IEnumerable<string> Check(ExternalJwtOptions jwt, McpOptions mcp, IHostEnvironment environment)
    {
        var issuers = jwt.All.ToList();
        if (issuers.Count == 0)
        {
            yield return "JWT_SECRET (Jwt:Secret), Jwt:JwksUri or Jwt:Authority is missing: Mcp:Auth:AuthType " +
                $"{mcp.Auth.AuthType.ToString().ToLowerInvariant()} accepts JWTs, but nothing can verify them.";
        }

        foreach (var issuer in issuers)
        {
            var key = ReferenceEquals(issuer, jwt) ? "Jwt" : $"Jwt:TrustedIssuers:{jwt.TrustedIssuers.IndexOf(issuer)}";
            foreach (var problem in CheckKeys(issuer, key, environment).Concat(CheckClaims(issuer, key, mcp)))
            {
                yield return problem;
            }
        }

        foreach (var twice in issuers.GroupBy(issuer => issuer.ExpectedIssuer, StringComparer.Ordinal).Where(group => group.Key is not null && group.Count() > 1))
        {
            yield return $"The JWT issuer '{twice.Key}' is configured {twice.Count()} times; keys of one issuer belong together.";
        }
    }

    private static IEnumerable<string> CheckKeys(TrustedIssuerOptions issuer, string key, IHostEnvironment environment)
    {
        var published = !string.IsNullOrEmpty(issuer.JwksUri) || !string.IsNullOrEmpty(issuer.Authority);
        if (!issuer.HasKeys)
        {
            yield return $"{(key == "Jwt" ? "JWT_SECRET (Jwt:Secret)" : $"{key}:Secret")}, {key}:JwksUri or {key}:Authority is missing: nothing can verify JWTs of '{issuer.Issuer}'.";
        }

        // One family of keys an issuer: a public key must never serve as an HMAC secret (RFC 8725 §3.1).
        if (published && !string.IsNullOrEmpty(issuer.Secret))
        {
            yield return $"{key}:Secret contradicts {key}:JwksUri and {key}:Authority: an issuer signs with a secret or with a key pair.";
        }

        if (issuer.Secret is { Length: > 0 } secret && environment.IsProduction())
        {
            if (SecretStrength.IsSample(secret))
            {
                yield return $"{key}:Secret (JWT_SECRET) is a sample value that everybody knows: use random characters (keygen).";
            }
            else if (Encoding.UTF8.GetByteCount(secret) is var length and < TokenAlgorithms.MinSecretBytes)
            {
                yield return $"{key}:Secret (JWT_SECRET) must be at least {TokenAlgorithms.MinSecretBytes} bytes (got {length}).";
            }
            else if (SecretStrength.IsWeak(secret, SecretStrength.KeyBits))
            {
                yield return $"{key}:Secret (JWT_SECRET) is too regular to be secret: use random characters (keygen).";
            }
        }

        foreach (var (setting, value) in new[] { ("JwksUri", issuer.JwksUri), ("Authority", issuer.Authority) })
        {
            if (!string.IsNullOrEmpty(value) && !IsSafe(value))
            {
                yield return $"{key}:{setting} is '{value}'; it must be an https URL (http only on loopback).";
            }
        }

        var fitting = published ? TokenAlgorithms.Asymmetric : TokenAlgorithms.Symmetric;
        foreach (var algorithm in issuer.Algorithms.Where(algorithm => !fitting.Contains(algorithm)))
        {
            yield return $"{key}:Algorithms has '{algorithm}'; with these keys allowed: {string.Join(", ", fitting)}.";
        }
    }

    private static IEnumerable<string> CheckClaims(TrustedIssuerOptions issuer, string key, McpOptions mcp)
    {
        if (string.IsNullOrEmpty(issuer.ExpectedIssuer))
        {
            yield return $"{key}:Issuer{(key == "Jwt" ? " (JWT_ISSUER)" : "")} is missing: a JWT is accepted only from an issuer that is named.";
        }
        else if (issuer.ExpectedIssuer == mcp.Auth.OAuth.Issuer)
        {
            yield return $"{key}:Issuer is our own issuer; its tokens are judged by the rules of Mcp:Auth:OAuth alone.";
        }

        if (issuer.ClockSkewSeconds is < 0 or > 60)
        {
            yield return $"{key}:ClockSkewSeconds is {issuer.ClockSkewSeconds}; allowed: 0 to 60.";
        }
    }

    private static bool IsSafe(string value) =>
        Uri.TryCreate(value, UriKind.Absolute, out var url) && Loopback.IsSafe(url);
}
