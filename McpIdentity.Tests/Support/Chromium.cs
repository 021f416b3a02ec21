using Microsoft.Playwright;

namespace McpIdentity.Tests.Support;

/// <summary>Debian's Chromium, one process for the whole test run; each test opens a context of its own.</summary>
internal static class Chromium
{
    /// <summary>For anything that the browser does: a limit for what hangs, far beyond what a busy machine needs.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private static readonly Lazy<Task<(IPlaywright Playwright, IBrowser Browser)>> TheShared = new(LaunchAsync);

    /// <summary>A page in a new context: no cookie and no storage of another test.</summary>
    public static async Task<ChromiumPage> OpenAsync(BrowserNewContextOptions? options = null)
    {
        Needs.Check(Needs.Browser);
        var (_, browser) = await TheShared.Value;
        var context = await browser.NewContextAsync(options);
        context.SetDefaultTimeout((float)Patience.TotalMilliseconds);
        return new ChromiumPage(context, await context.NewPageAsync());
    }

    internal static async Task DisposeSharedAsync()
    {
        if (TheShared.IsValueCreated)
        {
            var (playwright, browser) = await TheShared.Value;
            await browser.DisposeAsync();
            playwright.Dispose();
        }
    }

    private static async Task<(IPlaywright Playwright, IBrowser Browser)> LaunchAsync()
    {
        var playwright = await Playwright.CreateAsync();
        Assertions.SetDefaultExpectTimeout((float)Patience.TotalMilliseconds);
        var browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = "/usr/bin/chromium",
            Headless = true,
            // No sandbox, because tests run as root in a container; the rest keeps the browser from calling home.
            Args =
            [
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
            ],
        });
        return (playwright, browser);
    }
}
