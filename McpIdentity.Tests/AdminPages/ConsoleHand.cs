using McpIdentity.Tests.Support;
using Microsoft.Playwright;

namespace McpIdentity.Tests.AdminPages;

/// <summary>Somebody who works in the console, with the script of its pages or without: what they do is the same.</summary>
internal abstract class ConsoleHand
{
    /// <summary>Opens a page, as who has signed in.</summary>
    public abstract Task OpenAsync(string path);

    /// <summary>Types into a form and presses one of its buttons.</summary>
    /// <param name="button">By its value or its text; the first form that has it, and the fields.</param>
    /// <param name="fields">What is typed or chosen, by name.</param>
    public abstract Task SendAsync(string button, params (string Name, string Value)[] fields);

    /// <summary>What can be read, with single spaces.</summary>
    public abstract Task<string> TextAsync();

    /// <summary>The texts of all that match.</summary>
    public abstract Task<string[]> AllAsync(string selector);

    /// <summary>Goes on at the provider, where the console asked for it.</summary>
    public abstract Task SignInAsync();

    protected static string Plain(string? text) => string.Join(' ', (text ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}

/// <summary>In a browser without JavaScript.</summary>
internal sealed class NoScriptHand(Person person) : ConsoleHand
{
    private BrowserPage _page = null!;

    public BrowserPage Page => _page;

    public override async Task OpenAsync(string path)
    {
        _page = await person.Browser.GetAsync(path);
        await SignInAsync();
    }

    public override async Task SendAsync(string button, params (string Name, string Value)[] fields) =>
        _page = await person.Browser.SubmitAsync(_page, fields.ToDictionary(field => field.Name, field => field.Value), button);

    public override Task<string> TextAsync() => Task.FromResult(Plain(_page.Document?.Body?.TextContent));

    public override Task<string[]> AllAsync(string selector) => Task.FromResult<string[]>([.. _page.Document!.QuerySelectorAll(selector).Select(element => element.TextContent.Trim())]);

    public override async Task SignInAsync()
    {
        while (_page.Document is { } document && document.QuerySelector("nav[aria-label=Console]") is null && document.QuerySelector("[name=username], [name=email], button[name=provider]") is { } asked)
        {
            _page = asked.LocalName == "button"
                ? await person.Browser.SubmitAsync(_page, button: person.ProviderId)
                : await person.Browser.SubmitAsync(_page, new Dictionary<string, string> { [asked.GetAttribute("name")!] = person.Username });
        }
    }
}

/// <summary>In Chromium.</summary>
internal sealed class ChromiumHand(IPage page, string baseUrl, string email) : ConsoleHand
{
    public override Task OpenAsync(string path) => page.GotoAsync(baseUrl + path);

    public override async Task SendAsync(string button, params (string Name, string Value)[] fields)
    {
        var pressed = page.Locator($"button[value=\"{button}\"], button:text-is(\"{button}\")");
        var form = page.Locator("form").Filter(new() { Has = pressed });
        foreach (var (name, _) in fields)
        {
            form = form.Filter(new() { Has = page.Locator($"[name=\"{name}\"]") });
        }

        form = form.First;
        foreach (var (name, value) in fields)
        {
            var field = form.Locator($"[name=\"{name}\"]");
            if (await field.EvaluateAsync<string>("field => field.localName") == "select")
            {
                await field.SelectOptionAsync(value);
            }
            else
            {
                await field.FillAsync(value);
            }
        }

        await LeaveAsync(() => form.Locator($"button[value=\"{button}\"], button:text-is(\"{button}\")").First.ClickAsync());
    }

    public override async Task<string> TextAsync() => Plain(await page.Locator("body").TextContentAsync());

    public override async Task<string[]> AllAsync(string selector) => [.. (await page.Locator(selector).AllTextContentsAsync()).Select(text => text.Trim())];

    public override async Task SignInAsync()
    {
        await page.Locator("[name=email]").FillAsync(email);
        await LeaveAsync(() => page.Locator("[name=email]").PressAsync("Enter"));
        await page.Locator("nav[aria-label=Console]").WaitForAsync();
    }

    // Until another document is there, to its end.
    private async Task LeaveAsync(Func<Task> act)
    {
        await page.EvaluateAsync("document.documentElement.dataset.old = 'yes'");
        await act();
        await Assertions.Expect(page.Locator("html:not([data-old])")).ToBeAttachedAsync();
        await page.WaitForLoadStateAsync(LoadState.DOMContentLoaded);
    }
}
