using System.Text.RegularExpressions;
using McpIdentity.Mcp;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Protocol;

/// <summary>Refuses resources that no client could name (RFC 8707 §2: an absolute URI without a fragment), and scopes that nobody could ask for.</summary>
internal sealed partial class ResourceRules(OwnEndpoint own) : IValidateOptions<OAuthServerOptions>
{
    public const int MaxMeaning = 200;

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

    private IEnumerable<string> Check(ResourceOptions resource, string setting)
    {
        var isOwn = IsResourceIdentifier(resource.Resource) && own.Identifier is { } served && ProtectedResources.IsSame(new Uri(served), new Uri(resource.Resource!));
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

            if (!AreWords(meaning))
            {
                yield return $"{setting}:Scopes:{scope} must say in 1 to {MaxMeaning} characters what a person allows with it: the consent page shows it.";
            }
        }

        if (resource.Name is { } called && !AreWords(called))
        {
            yield return $"{setting}:Name must have 1 to {MaxMeaning} characters.";
        }

        string[] known = [.. resource.Scopes.Keys, .. ServerScopes.OfMcpServers.Select(scope => scope.Name).Where(scope => isOwn || resource.Scopes.Count == 0)];
        foreach (var problem in CheckNames(nameof(ResourceOptions.DefaultScopes), resource.DefaultScopes)
            .Concat(CheckNames(nameof(ResourceOptions.OnlyFor), resource.OnlyFor.Keys))
            .Concat(resource.Translations.SelectMany(language => CheckNames($"{nameof(ResourceOptions.Translations)}:{language.Key}", language.Value.Keys))))
        {
            yield return problem;
        }

        foreach (var (language, words) in resource.Translations)
        {
            if (!Language().IsMatch(language))
            {
                yield return $"{setting}:Translations has '{language}', which is no language: use a tag such as de or pt-BR (RFC 5646).";
            }

            foreach (var (scope, _) in words.Where(scope => !AreWords(scope.Value)))
            {
                yield return $"{setting}:Translations:{language}:{scope} must say in 1 to {MaxMeaning} characters what a person allows with it: the consent page shows it.";
            }
        }

        foreach (var scope in resource.SaidTwice)
        {
            yield return $"{setting}:OnlyFor:{scope} is a text in one place and a list in another: say it once.";
        }

        foreach (var scope in resource.OnlyFor.Where(scope => scope.Value.Count == 0))
        {
            yield return $"{setting}:OnlyFor:{scope.Key} names nobody: leave the scope out of Scopes instead.";
        }

        foreach (var (scope, entry) in resource.OnlyFor.SelectMany(scope => scope.Value.Select(entry => (scope.Key, entry))).Where(some => !IsHolder(some.entry)))
        {
            yield return $"{setting}:OnlyFor:{scope} has '{entry}'; it is {Scope.Administrators}, an e-mail address, @ and a domain, {Scope.Subject} and a person's sub, or {Scope.Client} and a client's id.";
        }

        IEnumerable<string> CheckNames(string part, IEnumerable<string> scopes) => scopes.Except(known, StringComparer.Ordinal)
            .Select(scope => $"{setting}:{part} has '{scope}', which is none of its scopes: {string.Join(", ", known)}.");
    }

    /// <summary>Whether it can stand on a page as the meaning of something.</summary>
    public static bool AreWords(string text) => text.Length is > 0 and <= MaxMeaning && !text.Any(char.IsControl);

    private static bool IsHolder(string entry) =>
        entry == Scope.Administrators ||
        PersonEntry.Is(Scope.Subject, entry) ||
        PersonEntry.Is(Scope.Client, entry) ||
        PersonEntry.IsAddressOrDomain(entry);

    /// <summary>Whether it can be the name of a scope (RFC 6749 §3.3).</summary>
    public static bool IsScope(string name) => name.Length > 0 && name.All(character => character is > ' ' and < (char)0x7f and not '"' and not '\\');

    // RFC 5646 §2.1, without the tags of before that the registry keeps: the server has no list of languages.
    [GeneratedRegex("^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$")]
    private static partial Regex Language();
}
