using McpIdentity.Mcp;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Protocol;

/// <summary>Refuses resources that no client could name (RFC 8707 §2: an absolute URI without a fragment), and scopes that nobody could ask for.</summary>
internal sealed class ResourceRules : IValidateOptions<OAuthServerOptions>
{
    private const int MaxMeaning = 200;

    public ValidateOptionsResult Validate(string? name, OAuthServerOptions options)
    {
        var problems = options.Resources.SelectMany((resource, i) => Check(resource, $"OAuth:Resources:{i}")).ToList();
        problems.AddRange(options.Resources.Where(resource => IsResourceIdentifier(resource.Resource))
            .Where((resource, i) => options.Resources.Take(i).Any(other => IsResourceIdentifier(other.Resource) && ProtectedResources.IsSame(new Uri(other.Resource!), new Uri(resource.Resource!))))
            .Select(resource => $"OAuth:Resources names '{resource.Resource}' twice."));
        return problems.Count > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }

    /// <summary>Whether it can be the identifier of a resource.</summary>
    public static bool IsResourceIdentifier(string? value) =>
        Uri.TryCreate(value, UriKind.Absolute, out var url) && url is { Query: "", Fragment: "", UserInfo: "" } && Loopback.IsSafe(url);

    private static IEnumerable<string> Check(ResourceOptions resource, string setting)
    {
        if (!IsResourceIdentifier(resource.Resource))
        {
            yield return $"OAuth:Resources has '{resource.Resource}'; a resource identifier is an https URL (http on loopback) without query or fragment.";
        }

        foreach (var (scope, meaning) in resource.Scopes)
        {
            if (!IsScope(scope))
            {
                yield return $"{setting}:Scopes has '{scope}'; a scope is printable ASCII without spaces, quotes and backslashes (RFC 6749 §3.3).";
            }
            else if (ServerScopes.OfPeople.Any(known => known.Name == scope))
            {
                yield return $"{setting}:Scopes has '{scope}', which this server grants at every resource.";
            }

            if (meaning.Length is 0 or > MaxMeaning || meaning.Any(char.IsControl))
            {
                yield return $"{setting}:Scopes:{scope} must say in 1 to {MaxMeaning} characters what a person allows with it: the consent page shows it.";
            }
        }

        string[] known = [.. resource.Scopes.Keys, .. ServerScopes.OfMcpServers.Select(scope => scope.Name).Where(_ => resource.Scopes.Count == 0)];
        foreach (var scope in resource.DefaultScopes.Where(scope => !known.Contains(scope) || scope == ServerScopes.McpAdmin))
        {
            yield return scope == ServerScopes.McpAdmin
                ? $"{setting}:DefaultScopes has '{scope}', which only administrators get, and only when it is asked for."
                : $"{setting}:DefaultScopes has '{scope}', which is none of its scopes: {string.Join(", ", known)}.";
        }

        if (resource.Scopes.Count > 0 && resource.Scopes.Keys.All(scope => scope == ServerScopes.McpAdmin))
        {
            yield return $"{setting}:Scopes has nothing that a person who is no administrator could allow.";
        }
    }

    private static bool IsScope(string name) => name.Length > 0 && name.All(character => character is > ' ' and < (char)0x7f and not '"' and not '\\');
}
