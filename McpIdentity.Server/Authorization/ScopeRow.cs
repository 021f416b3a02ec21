using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using Microsoft.Extensions.Localization;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Authorization;

/// <summary>One scope on the consent page.</summary>
/// <param name="Name">As clients write it.</param>
/// <param name="Meaning">What it allows, in plain words.</param>
/// <param name="Language">The tag of their language; null: that of the page.</param>
/// <param name="Value">What the client will see by it, where that is about the person.</param>
/// <param name="IsLocked">It cannot be refused but by refusing everything.</param>
internal sealed record ScopeRow(string Name, string Meaning, string? Language, string? Value, bool IsLocked)
{
    private const int MaxLanguages = 20;

    /// <summary>It is about the person, at every resource.</summary>
    public bool IsAboutPerson => Name is Scopes.OpenId or Scopes.Profile or Scopes.Email;

    /// <param name="scope">What was asked for.</param>
    /// <param name="isLocked">Whether there is a choice.</param>
    /// <param name="person">Who is asked.</param>
    /// <param name="languages">The tags that they prefer, the best first.</param>
    /// <param name="words">The language of the page.</param>
    public static ScopeRow Of(Scope scope, bool isLocked, SignedInPerson person, IEnumerable<string> languages, IStringLocalizer<Words> words)
    {
        var (meaning, language) = Explain(scope, languages, words);
        var value = scope.Name switch { Scopes.Profile => person.Name, Scopes.Email => person.Email, _ => null };
        return new ScopeRow(scope.Name, meaning, language, value, isLocked);
    }

    /// <summary>What a scope allows, in words that the person reads.</summary>
    /// <returns>The words, and the tag of their language; null: that of the page.</returns>
    public static (string Meaning, string? Language) Explain(Scope scope, IEnumerable<string> languages, IStringLocalizer<Words> words)
    {
        string[] preferred = [.. languages.Where(tag => tag.Length <= Scope.MaxTagLength).Take(MaxLanguages)];
        var isOurs = ServerScopes.Explain(scope.Meaning);
        // Our own words are in the language of the page; what the operator says in one that is preferred to it, or in the same, comes first.
        var (meaning, language) = scope.MeaningIn(isOurs ? [.. preferred.TakeWhile(tag => !IsOfPage(tag)), PageLanguage.Current] : preferred);
        if (language.Length == 0)
        {
            (meaning, language) = isOurs ? (words[meaning], "") : (meaning, PageLanguage.Current == ServerScopes.Language ? "" : ServerScopes.Language);
        }

        return (meaning, language.Length > 0 ? language : null);
    }

    private static bool IsOfPage(string tag) => tag.Split('-')[0].Equals(PageLanguage.Current, StringComparison.OrdinalIgnoreCase);
}
