using System.Globalization;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Localization;
using Microsoft.Extensions.Primitives;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Pages;

/// <summary>
/// The language of a page: what the client asks for (<c>ui_locales</c>, OpenID Connect Core §3.1.2.1), then what the browser does
/// (<c>Accept-Language</c>, RFC 9110 §12.5.4), then English.
/// </summary>
internal static class PageLanguage
{
    private const string English = "en";
    private const int MaxLanguages = 20; // of a list that anybody can write

    /// <summary>Those that the pages are written in.</summary>
    public static readonly IReadOnlyList<string> All = [English, "de", "ar"];

    /// <summary>How the language of a page is written; only Arabic of ours runs from right to left.</summary>
    public static string Direction => Current == "ar" ? "rtl" : "ltr";

    /// <summary>The tag of the language that is spoken now.</summary>
    public static string Current => CultureInfo.CurrentUICulture.Name is { Length: > 0 } name ? name : English;

    /// <summary>The page about an error, which is a second turn of the request, speaks that language.</summary>
    /// <param name="context">The request's.</param>
    /// <param name="language">One of <see cref="All"/>; others change nothing.</param>
    public static void Speak(HttpContext context, string? language)
    {
        if (language is not null && All.Contains(language))
        {
            context.Features.Set<IRequestCultureFeature>(new RequestCultureFeature(CultureOf(language), provider: null));
        }
    }

    public static void AddPageLanguage(this WebApplicationBuilder builder)
    {
        builder.Services.AddLocalization();
        builder.Services.Configure<RequestLocalizationOptions>(options =>
        {
            options.SupportedCultures = null; // numbers and dates are written alike in all of them
            options.SupportedUICultures = [.. All.Select(CultureInfo.GetCultureInfo)];
            options.DefaultRequestCulture = CultureOf(English);
            options.RequestCultureProviders =
            [
                new CustomRequestCultureProvider(Spoken),
                new CustomRequestCultureProvider(Asked),
                new CustomRequestCultureProvider(context => Task.FromResult(Prefer(OfBrowser(context.Request)))),
            ];
        });
    }

    /// <summary>After the form was read and checked: the language may be asked for in it.</summary>
    public static void UsePageLanguage(this WebApplication app) =>
        app.UseWhen(context => context.IsForPeople(), pages => pages.UseRequestLocalization());

    /// <summary>What the browser says that its person reads, the best first.</summary>
    // RFC 9110 §12.4.2: zero is one that they do not read, which ASP.NET Core's own provider takes for the last choice.
    public static IEnumerable<string> OfBrowser(HttpRequest request) => request.GetTypedHeaders().AcceptLanguage
        .Where(language => language.Quality is not 0).OrderByDescending(language => language.Quality ?? 1).Select(language => language.Value.ToString());

    /// <summary>The languages of a page's person, the best first: that of the page, then what the browser says. For words that the operator wrote.</summary>
    public static IReadOnlyList<string> ReadBy(HttpRequest request) =>
        [Current, .. OfBrowser(request).Where(tag => tag.Length <= Scope.MaxTagLength).Take(MaxLanguages)];

    /// <summary>The answer of a provider of languages.</summary>
    /// <param name="tags">Of anybody's choice, the best first.</param>
    public static ProviderCultureResult? Prefer(IEnumerable<string> tags) =>
        // RFC 4647 §3.4: en-GB is English. Without ICU no culture knows its parent.
        tags.Take(MaxLanguages).SelectMany(tag => new[] { tag, tag.Split('-')[0] }).Select(tag => new StringSegment(tag)).ToArray() is { Length: > 0 } some ? new([], some) : null;

    /// <summary>Whether there is a form that was read and checked before (ProtocolRequests): nobody else reads one.</summary>
    public static bool HasForm(HttpContext context) =>
        context.GetAddress() is { TakesForms: true } && HttpMethods.IsPost(context.Request.Method) && context.Request.HasFormContentType;

    private static RequestCulture CultureOf(string language) => new(CultureInfo.InvariantCulture, CultureInfo.GetCultureInfo(language));

    // The page about an error is a second turn of the same request.
    private static Task<ProviderCultureResult?> Spoken(HttpContext context) =>
        Task.FromResult(context.Features.Get<IRequestCultureFeature>() is { } feature ? Prefer([feature.RequestCulture.UICulture.Name]) : null);

    private static Task<ProviderCultureResult?> Asked(HttpContext context)
    {
        var asked = AskedAddress.QueryOf(context)[Parameters.UiLocales];
        if (asked.Count == 0 && HasForm(context))
        {
            asked = context.Request.Form[Parameters.UiLocales];
        }

        return Task.FromResult(Prefer(asked.ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries)));
    }
}
