using McpIdentity.Mcp;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Clients;

/// <summary>Refuses an initial access token that protects nothing, and limits of unused registrations that would delete clients in use.</summary>
internal sealed class RegistrationRules(IHostEnvironment environment) : IValidateOptions<OAuthServerOptions>
{
    public ValidateOptionsResult Validate(string? name, OAuthServerOptions options)
    {
        var policy = options.Registration;
        var problems = new List<string>();
        if (policy.UnusedClientTtl != TimeSpan.Zero && policy.UnusedClientTtl < TimeSpan.FromDays(2))
        {
            // The stamp of a client's last use is as old as a day (ClientUse).
            problems.Add($"OAuth:Registration:UnusedClientTtl must be at least two days, or 00:00:00 for never (is {policy.UnusedClientTtl}).");
        }

        if (policy.MaxRedirectUris < 1)
        {
            problems.Add($"OAuth:Registration:MaxRedirectUris must be 1 or more (is {policy.MaxRedirectUris}).");
        }

        if (policy.MaxUnusedClients < 0)
        {
            problems.Add($"OAuth:Registration:MaxUnusedClients must be 1 or more, or 0 for no limit (is {policy.MaxUnusedClients}).");
        }

        if (policy.RequireInitialAccessToken && policy.InitialAccessToken is not { Length: >= StaticClientRules.MinimumSecretLength })
        {
            problems.Add($"OAuth:Registration:RequireInitialAccessToken needs OAuth:Registration:InitialAccessToken of at least {StaticClientRules.MinimumSecretLength} characters.");
        }

        else if (policy.InitialAccessToken is { Length: > 0 } token && environment.IsProduction() && SecretStrength.IsWeak(token, SecretStrength.PasswordBits))
        {
            problems.Add("OAuth:Registration:InitialAccessToken is a sample or too regular to be secret: use random characters (verb keygen).");
        }

        return problems.Count > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }
}
