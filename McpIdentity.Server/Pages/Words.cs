using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Html;
using Microsoft.AspNetCore.Mvc.Localization;

namespace McpIdentity.Server.Pages;

/// <summary>
/// The texts of the pages: the English one is the key, and <c>Words.de.restext</c> and its like say it in another language, one line
/// a text. What has no line there is shown in English; a test fails first.
/// </summary>
internal sealed class Words;

/// <summary>What stands within a text.</summary>
internal static class Inline
{
    /// <summary>A text in the language of the page; one within it is translated too.</summary>
    public static IHtmlContent Say(this IHtmlLocalizer words, FormattableString text) =>
        words[text.Format, [.. text.GetArguments().Select(argument => argument is FormattableString inner ? words.Say(inner) : argument ?? "")]];

    /// <summary>The words of others, whose direction is not the page's to know (Unicode UAX 9).</summary>
    public static IHtmlContent Foreign(string? text) => new HtmlContentBuilder().AppendHtml("<bdi>").Append(text ?? "").AppendHtml("</bdi>");

    /// <summary>The same, to be seen first.</summary>
    public static IHtmlContent Strong(string? text) => new HtmlContentBuilder().AppendHtml("<strong><bdi>").Append(text ?? "").AppendHtml("</bdi></strong>");

    /// <summary>A host, an address or an identifier, which is read from left to right in every language.</summary>
    public static IHtmlContent Code(string? text) => new HtmlContentBuilder().AppendHtml("<code dir=\"ltr\">").Append(text ?? "").AppendHtml("</code>");

    /// <summary>A link within a text.</summary>
    public static IHtmlContent Link(string url, IHtmlContent content) =>
        new HtmlContentBuilder().AppendHtml($"<a href=\"{HtmlEncoder.Default.Encode(url)}\">").AppendHtml(content).AppendHtml("</a>");

    /// <summary>A moment, to the minute, in the one time that all servers share.</summary>
    public static IHtmlContent Moment(DateTimeOffset moment) => new HtmlString(FormattableString.Invariant(
        $"<time datetime=\"{moment.UtcDateTime:yyyy-MM-ddTHH:mm:ssZ}\" dir=\"ltr\">{moment.UtcDateTime:yyyy-MM-dd HH:mm} UTC</time>"));
}
