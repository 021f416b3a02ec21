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

    /// <summary>Everything that tokens are minted for, the default first.</summary>
    public IReadOnlyList<ProtectedResource> Resources => resources.All;

    /// <summary>What it means in each language: null where nobody has said it, and English is shown.</summary>
    public IEnumerable<(string Language, string? Words)> Said(Scope scope) => PageLanguage.All.Select(language => (language,
        language == ServerScopes.Language ? scope.Meaning : scope.Translations.GetValueOrDefault(language) ?? (ServerScopes.Explain(scope.Meaning) ? In(language, scope.Meaning) : null)));

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
