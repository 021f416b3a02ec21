using System.Text.Json;
using Microsoft.Playwright;

namespace McpIdentity.Tests.Support;

/// <summary>axe-core in the page that a browser shows: what of WCAG 2.2, level AA, and of common practice a program can judge.</summary>
internal static class Axe
{
    private static readonly Lazy<string> Source = new(() => File.ReadAllText(NodePackages.PathOf("axe-core", "axe.min.js")));

    /// <returns>What is wrong, a line each; empty for a page without a fault.</returns>
    public static async Task<IReadOnlyList<string>> FindViolationsAsync(IPage page)
    {
        Needs.Check(Needs.Node);
        if (!await page.EvaluateAsync<bool>("'axe' in window"))
        {
            await page.EvaluateAsync(Source.Value);
        }

        var violations = await page.EvaluateAsync<JsonElement>("""
            async () => (await axe.run(document, { resultTypes: ['violations'], preload: false, iframes: false, rules: { 'target-size': { enabled: true } } }))
                .violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${rule.help}: ${node.html}`))
            """);
        return [.. violations.EnumerateArray().Select(violation => violation.GetString()!)];
    }
}
