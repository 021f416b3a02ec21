using McpIdentity.Mcp;
using McpIdentity.Server.Clients.Assertions;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Clients.Statements;

/// <summary>Refuses issuers of software statements whose statements nobody could check.</summary>
internal static class SoftwareStatementRules
{
    private const string Setting = "OAuth:Registration:SoftwareStatements";

    public static IEnumerable<string> Check(IList<SoftwareStatementOptions> issuers)
    {
        for (var i = 0; i < issuers.Count; i++)
        {
            foreach (var problem in Check($"{Setting}:{i}", issuers[i]))
            {
                yield return problem;
            }
        }

        foreach (var twice in issuers.GroupBy(issuer => issuer.Issuer, StringComparer.Ordinal).Where(group => !string.IsNullOrEmpty(group.Key) && group.Count() > 1))
        {
            yield return $"{Setting} has the issuer '{twice.Key}' {twice.Count()} times; keys of one issuer belong together.";
        }
    }

    private static IEnumerable<string> Check(string setting, SoftwareStatementOptions issuer)
    {
        if (string.IsNullOrEmpty(issuer.Issuer))
        {
            yield return $"{setting}:Issuer is missing: the value of iss in its statements.";
        }

        if (string.IsNullOrEmpty(issuer.Jwks) == string.IsNullOrEmpty(issuer.JwksUri))
        {
            yield return $"{setting}: set Jwks or JwksUri, one of them: the keys that check its statements.";
        }

        if (!string.IsNullOrEmpty(issuer.JwksUri) && !(Uri.TryCreate(issuer.JwksUri, UriKind.Absolute, out var url) && Loopback.IsSafe(url)))
        {
            yield return $"{setting}:JwksUri is '{issuer.JwksUri}'; it must be an https URL (http only on loopback).";
        }

        if (ConfiguredKeys.ProblemOf(issuer.Jwks) is { } problem)
        {
            yield return $"{setting}:Jwks {problem}.";
        }
    }
}
