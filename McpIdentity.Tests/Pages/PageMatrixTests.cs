using System.Collections.Concurrent;
using System.Text;
using McpIdentity.Server.Pages;
using McpIdentity.Tests.Support;
using Microsoft.Playwright;

namespace McpIdentity.Tests.Pages;

/// <summary>
/// Every page in every state, as people meet it: wide and light, narrow and dark, with text of twice the size, in forced colours,
/// in each language, with script and without. WCAG 2.2: 1.3.2, 1.4.3, 1.4.4, 1.4.10, 1.4.12, 2.1.1, 2.4.3, 2.4.7, 2.5.8, 3.1.1.
/// </summary>
[Category(Needs.Browser)]
[Category(Needs.Node)]
[Parallelizable(ParallelScope.Children)]
internal sealed class PageMatrixTests
{
    private const int MaxPageBytes = 30_000;
    private const int MaxStyleBytes = 8_000;

    // The visible texts that are ours: not those of others, of identifiers, and of dates.
    private const string OwnTexts = """
        () => {
            const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            const texts = [];
            while (walker.nextNode()) {
                const text = walker.currentNode.data.trim();
                if (/\p{L}/u.test(text) && !walker.currentNode.parentElement.closest('bdi, code, pre, time, datalist, option, [lang]:not(html)')) texts.push(text);
            }
            return texts;
        }
        """;

    private PageScene _scene = null!;

    private static string Pictures => Repository.PathOf("docs", "pages");

    [OneTimeSetUp]
    public async Task BuildAsync() => _scene = await PageScene.BuildAsync();

    [OneTimeTearDown]
    public async Task DisposeAsync() => await _scene.DisposeAsync();

    [TestCase(true)]
    [TestCase(false)]
    public Task On_a_wide_light_screen(bool javaScript) =>
        LookAsync(new() { ColorScheme = ColorScheme.Light, ViewportSize = new() { Width = 1280, Height = 900 }, JavaScriptEnabled = javaScript }, picture: ("en", ""));

    [TestCase(true)]
    [TestCase(false)]
    public Task On_a_narrow_dark_screen(bool javaScript) =>
        LookAsync(new() { ColorScheme = ColorScheme.Dark, ViewportSize = new() { Width = 320, Height = 640 }, JavaScriptEnabled = javaScript }, picture: ("ar", "-dark-ar"));

    [Test]
    public async Task With_text_of_twice_the_size() => AssertNone(await SweepAsync(
        new() { ViewportSize = new() { Width = 1280, Height = 900 } }, ["en"], async (page, _, _) =>
        {
            var browser = await page.Context.NewCDPSessionAsync(page);
            await browser.SendAsync("Page.setFontSizes", new() { ["fontSizes"] = new Dictionary<string, object> { ["standard"] = 32, ["fixed"] = 26 } });
            var size = await page.EvaluateAsync<string>("getComputedStyle(document.body).fontSize");
            return [.. await FitsAsync(page), .. size == "32px" ? Array.Empty<string>() : [$"has text of {size}"]];
        }));

    [Test]
    public async Task In_forced_colours() => AssertNone(await SweepAsync(
        new() { ForcedColors = ForcedColors.Active }, ["en"], async (page, _, _) => await page.EvaluateAsync<string[]>("""
            () => [...document.querySelectorAll('button:not(.link), .button')].filter(button => !parseFloat(getComputedStyle(button).borderBlockStartWidth))
                .map(button => `cannot be seen as a button: ${button.textContent}`)
            """)));

    // 2.1.1, 2.4.3, 2.4.7: everything that can be pressed is reached by the key, in the order of the text, and is seen to be.
    [Test]
    public async Task With_the_keyboard_alone() => AssertNone(await SweepAsync(new() { ViewportSize = new() { Width = 1280, Height = 900 } }, ["en"], async (page, _, _) =>
    {
        var problems = new List<string>();
        var count = await page.EvaluateAsync<int>("""
            () => (window.stops = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), summary, pre[tabindex]')]
                .filter(stop => !stop.disabled && (stop.matches('summary') || !stop.closest('details:not([open])')) && stop.checkVisibility())).length
            """);
        await page.EvaluateAsync("() => { document.activeElement?.blur(); }");
        for (var i = 0; i < count; i++)
        {
            await page.Keyboard.PressAsync("Tab");
            var (at, outline) = (await page.EvaluateAsync<int>("window.stops.indexOf(document.activeElement)"), await page.EvaluateAsync<string>("getComputedStyle(document.activeElement).outlineStyle"));
            if (at != i)
            {
                problems.Add($"the key comes to {at} and not to {i} of {count}: {await page.EvaluateAsync<string>($"window.stops[{i}].outerHTML")}");
                break;
            }

            if (outline == "none")
            {
                problems.Add($"nobody sees that the key is at {await page.EvaluateAsync<string>("document.activeElement.outerHTML")}");
            }
        }

        return problems;
    }));

    [Test]
    public async Task The_style_sheet_is_small()
    {
        using var response = await new HttpClient().GetAsync(_scene.Origins.First() + "/site.css");

        Assert.That((await response.Content.ReadAsByteArrayAsync()).Length, Is.LessThanOrEqualTo(MaxStyleBytes));
    }

    [Test]
    public void Each_state_has_its_pictures_in_the_guide() =>
        Assert.That(Directory.EnumerateFiles(Pictures, "*.png").Select(Path.GetFileName).Order(), Is.EqualTo(_scene.States.SelectMany(state => new[] { $"{state.Name}-dark-ar.png", $"{state.Name}.png" }).Order()),
            "UPDATE_PAGES=1 writes them");

    private async Task LookAsync(BrowserNewContextOptions options, (string Language, string Suffix) picture)
    {
        var english = new Dictionary<string, string[]>();
        AssertNone(await SweepAsync(options, PageLanguage.All, async (page, state, language) =>
        {
            var problems = new List<string>();
            if (options.JavaScriptEnabled != false)
            {
                problems.AddRange(await Axe.FindViolationsAsync(page));
                if (language == picture.Language && Environment.GetEnvironmentVariable("UPDATE_PAGES") == "1")
                {
                    await page.ScreenshotAsync(new() { Path = Path.Combine(Pictures, $"{state.Name}{picture.Suffix}.png"), FullPage = true });
                }
            }

            problems.AddRange(await FitsAsync(page));
            problems.AddRange(await IsPlainAsync(page, language));
            var texts = await page.EvaluateAsync<string[]>(OwnTexts);
            if (language == "en")
            {
                english[state.Name] = texts;
            }
            else
            {
                problems.AddRange(texts.Intersect(english[state.Name]).Select(text => $"is not translated: {text}"));
            }

            return problems;
        }));
    }

    // Each page in each language, with what the inspection says, what the console says, and what it asks of others.
    private async Task<IReadOnlyList<string>> SweepAsync(
        BrowserNewContextOptions options, IEnumerable<string> languages, Func<IPage, PageState, string, Task<IEnumerable<string>>> inspect)
    {
        var problems = new List<string>();
        foreach (var language in languages)
        {
            options.Locale = language;
            foreach (var states in _scene.States.GroupBy(state => state.Cookies))
            {
                await using var chromium = await Chromium.OpenAsync(options);
                await chromium.Context.AddCookiesAsync(states.Key);
                var requests = new ConcurrentQueue<string>();
                chromium.Page.Request += (_, request) => requests.Enqueue(request.Url);
                foreach (var state in states)
                {
                    chromium.Forget();
                    requests.Clear();
                    await state.OpenAsync(chromium.Page);
                    problems.AddRange((await inspect(chromium.Page, state, language))
                        .Concat(chromium.ConsoleErrors.Where(error => !IsStatus(error, state)).Select(error => $"the console says: {error}"))
                        .Concat(requests.Where(url => !IsOurs(url)).Select(url => $"asks {url}"))
                        .Select(problem => $"{state.Name} ({language}): {problem}"));
                    await chromium.Page.UnrouteAllAsync();
                }
            }
        }

        return problems;
    }

    private static void AssertNone(IReadOnlyList<string> problems) => Assert.That(string.Join('\n', problems), Is.Empty);

    private static async Task<IEnumerable<string>> FitsAsync(IPage page) =>
        await page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth") is > 0 and var over
            ? [$"is {over} pixels wider than the screen"]
            : [];

    private static async Task<IEnumerable<string>> IsPlainAsync(IPage page, string language)
    {
        var problems = new List<string>();
        var html = page.Locator("html");
        if ((await html.GetAttributeAsync("lang"), await html.GetAttributeAsync("dir")) is var found && found != (language, language == "ar" ? "rtl" : "ltr"))
        {
            problems.Add($"says that it is {found}");
        }

        if (await page.Locator("script, [onclick], [onload], [style], style, iframe").CountAsync() > 0)
        {
            problems.Add("has script, a style of its own or a frame");
        }

        if (await page.Locator("h1").CountAsync() != 1 || await page.Locator("main h1").CountAsync() != 1)
        {
            problems.Add("has not one heading");
        }

        if (Encoding.UTF8.GetByteCount(await page.ContentAsync()) is > MaxPageBytes and var bytes)
        {
            problems.Add($"has {bytes} bytes");
        }

        return problems;
    }

    private bool IsOurs(string url) => url.StartsWith("data:", StringComparison.Ordinal) || _scene.Origins.Any(origin => url.StartsWith(origin + "/", StringComparison.Ordinal));

    private static bool IsStatus(string error, PageState state) =>
        (int)state.Status >= 400 && error.Contains($"responded with a status of {(int)state.Status}", StringComparison.Ordinal);
}
