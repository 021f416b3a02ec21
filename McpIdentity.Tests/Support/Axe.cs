using System.Text.Json;
using Microsoft.Playwright;

namespace McpIdentity.Tests.Support;

/// <summary>axe-core in the page that a browser shows: what of WCAG 2.2, level AA, and of common practice a program can judge.</summary>
internal static class Axe
{
    /// <summary>The rules that ask how a page looks, and not what it says: for a page that was judged by all of them at another size or in other colours.</summary>
    public static readonly string[] OfLooks = ["color-contrast", "css-orientation-lock", "link-in-text-block", "scrollable-region-focusable", "target-size"];

    private static readonly Lazy<string> Source = new(() => File.ReadAllText(NodePackages.PathOf("axe-core", "axe.min.js")));

    /// <summary>Half a megabyte, which a page that is opened then has already: to send it to each takes as long as what it does.</summary>
    public static Task AddToAsync(IBrowserContext context)
    {
        Needs.Check(Needs.Node);
        return context.AddInitScriptAsync(Source.Value);
    }

    /// <param name="page">As it is shown at that moment.</param>
    /// <param name="rules">Absent, all.</param>
    /// <returns>What is wrong, a line each; empty for a page without a fault.</returns>
    public static async Task<IReadOnlyList<string>> FindViolationsAsync(IPage page, string[]? rules = null)
    {
        Needs.Check(Needs.Node);
        if (!await page.EvaluateAsync<bool>("'axe' in window"))
        {
            await page.EvaluateAsync(Source.Value);
        }

        var violations = await page.EvaluateAsync<JsonElement>("""
            async rules => (await axe.run(document, {
                resultTypes: ['violations'], preload: false, iframes: false, rules: { 'target-size': { enabled: true } }, ...(rules && { runOnly: rules }),
            }))
                .violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${rule.help}: ${node.html}`))
            """, rules);
        return [.. violations.EnumerateArray().Select(violation => violation.GetString()!)];
    }
}
