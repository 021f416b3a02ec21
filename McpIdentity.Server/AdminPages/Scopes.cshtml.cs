using System.Globalization;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using Microsoft.Extensions.Localization;

namespace McpIdentity.Server.AdminPages;

/// <summary>What can be granted where, in the words that people read before they allow it.</summary>
[Address(Reader.People, "GET HEAD", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class ScopesModel(ProtectedResources resources, IStringLocalizer<Words> words) : ConsolePage
{
    public const string Path = Paths.Console + "/scopes";

    public override string Section => Path;

    /// <summary>Everything that tokens are minted for, the default first; then what is about the person, wherever it is.</summary>
    public IEnumerable<Place> Places =>
    [
        .. resources.All.Select(resource => new Place(resource.Name ?? resource.Server ?? resource.Url.AbsolutePath, resource.Identifier, resource.Scopes, resource.DefaultScopes)),
        new("At every one of them", null, ServerScopes.OfPeople, []),
    ];

    /// <summary>What it means in each language: null where nobody has said it, and English is shown.</summary>
    public IEnumerable<(string Language, string? Words)> Said(Scope scope) => PageLanguage.All.Select(language => (language,
        language == ServerScopes.Language ? scope.Meaning : scope.Translations.GetValueOrDefault(language) ?? (ServerScopes.Explain(scope.Meaning) ? In(language, scope.Meaning) : null)));

    /// <param name="Name">What it is called.</param>
    /// <param name="Resource">What clients name it by; null: anything.</param>
    /// <param name="Scopes">What can be granted there.</param>
    /// <param name="Unasked">What a client gets that names none.</param>
    public sealed record Place(string Name, string? Resource, IReadOnlyList<Scope> Scopes, IReadOnlyList<string> Unasked);

    private string In(string language, string text)
    {
        var before = CultureInfo.CurrentUICulture;
        try
        {
            CultureInfo.CurrentUICulture = CultureInfo.GetCultureInfo(language);
            return words[text];
        }
        finally
        {
            CultureInfo.CurrentUICulture = before;
        }
    }
}
