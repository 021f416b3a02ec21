using McpIdentity.Mcp;
using McpIdentity.Server.Clients.Statements;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Clients;

/// <summary>Refuses an initial access token that protects nothing, statements that nobody could check, and limits of unused registrations that would delete clients in use.</summary>
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

        else if (policy.InitialAccessToken is { Length: > 0 and < StaticClientRules.MinimumSecretLength })
        {
            problems.Add($"OAuth:Registration:InitialAccessToken must be at least {StaticClientRules.MinimumSecretLength} characters.");
        }

        else if (policy.InitialAccessToken is { Length: > 0 } token && environment.IsProduction() && SecretStrength.IsWeak(token, SecretStrength.PasswordBits))
        {
            problems.Add("OAuth:Registration:InitialAccessToken is a sample or too regular to be secret: use random characters (verb keygen).");
        }

        problems.AddRange(CheckPolicy(policy));
        problems.AddRange(SoftwareStatementRules.Check(policy.SoftwareStatements));
        return problems.Count > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }

    private static IEnumerable<string> CheckPolicy(RegistrationOptions policy)
    {
        if (policy is { Policy: { } said and not RegistrationPolicy.Off, Enabled: false })
        {
            yield return $"OAuth:Registration:Policy is {said} and OAuth:Registration:Enabled is false: leave one of them out.";
        }

        if (policy is { Policy: { } chosen and not RegistrationPolicy.Token, RequireInitialAccessToken: true })
        {
            yield return $"OAuth:Registration:Policy is {chosen} and OAuth:Registration:RequireInitialAccessToken is true: leave one of them out.";
        }

        if (policy.PolicyInForce() == RegistrationPolicy.Hosts != policy.AllowedRedirectHosts.Count > 0)
        {
            yield return "OAuth:Registration:Policy=Hosts and OAuth:Registration:AllowedRedirectHosts belong together: set both or none.";
        }

        foreach (var entry in policy.AllowedRedirectHosts.Where(entry => !AllowedRedirectHosts.IsEntry(entry)))
        {
            yield return $"OAuth:Registration:AllowedRedirectHosts has '{entry}': write a host such as claude.ai, *.example.com for all below it, {RedirectUris.HttpLoopback}, or a scheme with its colon.";
        }
    }
}
