using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Tokens;

/// <summary>Refuses lifetimes that nothing could live for, and a reuse of refresh tokens that would hide a theft.</summary>
internal sealed class LifetimeRules : IValidateOptions<OAuthServerOptions>
{
    public ValidateOptionsResult Validate(string? name, OAuthServerOptions options)
    {
        var problems = new[]
        {
            (nameof(options.AccessTokenLifetime), options.AccessTokenLifetime),
            (nameof(options.RefreshTokenLifetime), options.RefreshTokenLifetime),
            (nameof(options.RefreshTokenFamilyLifetime), options.RefreshTokenFamilyLifetime),
            (nameof(options.AuthorizationCodeLifetime), options.AuthorizationCodeLifetime),
            (nameof(options.LoginSessionLifetime), options.LoginSessionLifetime),
        }.Where(lifetime => lifetime.Item2 <= TimeSpan.Zero).Select(lifetime => $"OAuth:{lifetime.Item1} must be longer than zero (is {lifetime.Item2}).").ToList();

        if (!options.RefreshTokenRotation)
        {
            problems.Add("OAuth:RefreshTokenRotation cannot be switched off: a stolen refresh token would go unnoticed (OAuth 2.1 §4.3.1).");
        }

        if (options.RefreshTokenReuseGraceSeconds is < 0 or > 300)
        {
            problems.Add($"OAuth:RefreshTokenReuseGraceSeconds must be between 0 and 300 (is {options.RefreshTokenReuseGraceSeconds}).");
        }

        return problems.Count > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }
}
