namespace McpIdentity.Server.Audit;

/// <summary>
/// Libraries that write secrets into the ordinary log below a certain level: query strings with codes and tickets, redirects,
/// tokens. No configuration makes them speak (docs/security-log.md): whoever turns on Trace looks for a fault, not for secrets.
/// </summary>
internal static class SilentCategories
{
    private static readonly (string Category, LogLevel Lowest)[] Caps =
    [
        // Every request with its query string: codes, upstream state, our own tickets.
        ("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Warning),
        // Request and response parameters, of which it hides some (not code_verifier), and at Trace whole tokens.
        ("OpenIddict", LogLevel.Warning),
        // Upstream sign-in: the address that a browser is sent to, with its state, and the cookies beside it.
        ("Microsoft.AspNetCore.Authentication", LogLevel.Information),
        // Where a browser is sent, with what it takes along.
        ("Microsoft.AspNetCore.Http.Result.RedirectResult", LogLevel.Warning),
        ("Microsoft.AspNetCore.Mvc.Infrastructure.RedirectResultExecutor", LogLevel.Warning),
        // The beginning of a request line that could not be read.
        ("Microsoft.AspNetCore.Server.Kestrel.BadRequests", LogLevel.Warning),
        // Each call of a server behind this one with its address, twice: the gateway has a line for it that says more.
        ("Yarp", LogLevel.Warning),
        // A form or cookie that anybody made up, each time as an error with its stack. FormTokens has a line for it.
        ("Microsoft.AspNetCore.Antiforgery", LogLevel.Critical),
    ];

    public static void Silence(IServiceCollection services) => services.PostConfigure<LoggerFilterOptions>(filters =>
    {
        // A rule for one provider, or for a longer category, would win over ours: it is taken out, and ours repeated for every provider.
        var providers = filters.Rules.Select(rule => rule.ProviderName).Append(null).Distinct().ToList();
        foreach (var (category, lowest) in Caps)
        {
            foreach (var rule in filters.Rules.Where(rule => rule.CategoryName?.StartsWith(category, StringComparison.OrdinalIgnoreCase) == true).ToList())
            {
                filters.Rules.Remove(rule);
            }

            foreach (var provider in providers)
            {
                filters.Rules.Add(new LoggerFilterRule(provider, category, lowest, filter: null));
            }
        }
    });
}
