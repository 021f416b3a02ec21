using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using Microsoft.AspNetCore.WebUtilities;

namespace McpIdentity.Tests.Support;

/// <summary>What a browser sends when a button of a form is pressed.</summary>
internal sealed record FormSubmission(HttpMethod Method, Uri Target, IReadOnlyCollection<KeyValuePair<string, string>>? Values)
{
    public static FormSubmission Of(BrowserPage page, IReadOnlyDictionary<string, string> fields, string? button, params IReadOnlyCollection<string> unticked)
    {
        var forms = page.Document?.Forms.ToArray() ?? [];
        var form = forms.FirstOrDefault(candidate => (button is null || ButtonOf(candidate, button) is not null) && fields.Keys.All(name => Has(candidate, name)))
            ?? throw new InvalidOperationException($"No form with {string.Join(", ", fields.Keys.Append(button ?? "a button"))} at {page}:\n{page.Body}");
        var pressed = ButtonOf(form, button);
        var values = ValuesOf(form, fields, pressed).ToList();
        values.RemoveAll(pair => unticked.Contains(pair.Value) && form.Elements.OfType<IHtmlInputElement>().Any(box => box.Type == "checkbox" && box.Name == pair.Key));

        // HTML: an absent or empty action is the page's own address.
        var action = pressed?.GetAttribute("formaction") ?? form.GetAttribute("action");
        var target = string.IsNullOrEmpty(action) ? page.Address : new Uri(page.Address, action);
        return string.Equals(form.GetAttribute("method"), "post", StringComparison.OrdinalIgnoreCase)
            ? new FormSubmission(HttpMethod.Post, target, values)
            : new FormSubmission(HttpMethod.Get, new Uri(QueryHelpers.AddQueryString(target.GetLeftPart(UriPartial.Path), values!)), Values: null);
    }

    private static bool Has(IHtmlFormElement form, string name) => form.Elements.Any(element => element.GetAttribute("name") == name);

    private static IHtmlButtonElement? ButtonOf(IHtmlFormElement form, string? button) => form.Elements.OfType<IHtmlButtonElement>()
        .Where(candidate => candidate.Type == "submit")
        .FirstOrDefault(candidate => button is null || candidate.GetAttribute("value") == button || candidate.TextContent.Trim() == button);

    private static IEnumerable<KeyValuePair<string, string>> ValuesOf(
        IHtmlFormElement form, IReadOnlyDictionary<string, string> fields, IHtmlButtonElement? pressed)
    {
        foreach (var element in form.Elements.Where(element => !element.HasAttribute("disabled")))
        {
            var name = element.GetAttribute("name");
            var value = name is null ? null : fields.GetValueOrDefault(name) ?? PrefilledValueOf(element, pressed);
            if (value is not null)
            {
                yield return new(name!, value);
            }
        }
    }

    private static string? PrefilledValueOf(IElement element, IHtmlButtonElement? pressed) => element switch
    {
        IHtmlButtonElement button => button == pressed ? button.GetAttribute("value") ?? "" : null,
        IHtmlInputElement { Type: "checkbox" or "radio" } box => box.IsDefaultChecked ? box.GetAttribute("value") ?? "on" : null,
        IHtmlInputElement { Type: "submit" or "button" or "image" or "reset" or "file" } => null,
        IHtmlInputElement input => input.Value,
        IHtmlTextAreaElement area => area.Value,
        IHtmlSelectElement select => select.Value,
        _ => null,
    };
}
