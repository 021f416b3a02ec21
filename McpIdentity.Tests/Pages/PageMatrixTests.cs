using System.Collections.Concurrent;
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

    // One picture of a kind of page is enough to see how it is by night, on a telephone and from right to left.
    private static readonly string[] ShownDark = ["account-apps-none", "consent", "error-app-unknown", "home", "sign-in"];

    private static readonly ViewportSize Wide = new() { Width = 1280, Height = 900 };
    private static readonly ViewportSize Narrow = new() { Width = 320, Height = 640 };

    private PageScene _scene = null!;
    private Lazy<Task<Inspection>> _english = null!;

    private static string Pictures => Repository.PathOf("docs", "pages");

    [OneTimeSetUp]
    public async Task BuildAsync()
    {
        _scene = await PageScene.BuildAsync();
        _english = new(() => InspectAsync("en"));
    }

    [OneTimeTearDown]
    public async Task DisposeAsync() => await _scene.DisposeAsync();

    /// <summary>
    /// Wide and light, then narrow and dark; and in English with text of twice the size, in forced colours, and by keyboard alone. A page is
    /// opened once for all of it, as a person may turn their telephone or their settings while they read.
    /// </summary>
    [TestCase("en"), TestCase("de"), TestCase("ar")]
    public async Task On_every_screen(string language)
    {
        Assert.That(PageLanguage.All, Does.Contain(language).And.Exactly(3).Items);
        var found = language == "en" ? await _english.Value : await InspectAsync(language);
        var problems = found.Problems.ToList();
        if (language != "en")
        {
            var english = (await _english.Value).Texts;
            problems.AddRange(found.Texts.SelectMany(page => page.Value.Intersect(english[page.Key]).Select(text => $"{page.Key}: is not translated: {text}")));
        }

        Assert.That(string.Join('\n', problems), Is.Empty);
    }

    private async Task<Inspection> InspectAsync(string language)
    {
        var texts = new Dictionary<string, string[]>();
        var found = await FindProblemsAsync(new() { ViewportSize = Wide, ColorScheme = ColorScheme.Light, Locale = language }, async (page, state) =>
        {
            texts[state.Name] = await page.EvaluateAsync<string[]>(OwnTexts);
            var problems = new List<string>(await IsPlainAsync(page, language));
            problems.AddRange(await FitsAsync(page));
            problems.AddRange(await Axe.FindViolationsAsync(page));
            await PictureAsync(page, state.Name, language == "en", new() { X = 240, Width = 800 });
            if (language == "en")
            {
                problems.AddRange(await TabThroughAsync(page));
                problems.AddRange(await InForcedColoursAsync(page));
            }

            await page.SetViewportSizeAsync(Narrow.Width, Narrow.Height);
            await page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
            // What axe sees by night differs from day by colours and by the direction, and not by what German says.
            problems.AddRange((await FitsAsync(page)).Concat(language == "de" ? [] : await Axe.FindViolationsAsync(page, Axe.OfLooks)).Select(problem => $"narrow and dark: {problem}"));
            await PictureAsync(page, state.Name + "-dark-ar", language == "ar" && ShownDark.Contains(state.Name), new() { Width = Narrow.Width });
            await page.SetViewportSizeAsync(Wide.Width, Wide.Height);
            await page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Light });
            if (language == "en")
            {
                problems.AddRange(await WithLargeTextAsync(page));
            }

            return problems;
        });
        return new(texts, found);
    }

    // What is on them is the same, as no page has a script (IsPlainAsync): one language shows that they work.
    [Test]
    public async Task Without_script()
    {
        var found = await FindProblemsAsync(new() { ViewportSize = Wide, JavaScriptEnabled = false, Locale = "ar" }, async (page, _) =>
        {
            var problems = (await IsPlainAsync(page, "ar")).Concat(await FitsAsync(page)).ToList();
            await page.SetViewportSizeAsync(Narrow.Width, Narrow.Height);
            problems.AddRange(await FitsAsync(page));
            await page.SetViewportSizeAsync(Wide.Width, Wide.Height);
            return problems;
        });

        Assert.That(string.Join('\n', found), Is.Empty);
    }

    [Test]
    public async Task The_style_sheet_is_small()
    {
        using var response = await new HttpClient().GetAsync(_scene.Origins.First() + "/site.css");

        Assert.That((await response.Content.ReadAsByteArrayAsync()).Length, Is.LessThanOrEqualTo(MaxStyleBytes));
    }

    [Test]
    public void Each_state_has_its_pictures_in_the_guide()
    {
        Assert.That(Directory.EnumerateFiles(Pictures, "*.png").Select(Path.GetFileName).Order(), Is.EqualTo(_scene.States.Select(state => $"{state.Name}.png").Concat(ShownDark.Select(name => $"{name}-dark-ar.png")).Order()),
            "UPDATE_PAGES=1 writes them");
        var guide = File.ReadAllText(Path.Combine(Pictures, "README.md"));
        Assert.That(_scene.States.Where(state => !guide.Contains($"({state.Name}.png)", StringComparison.Ordinal)).Select(state => state.Name), Is.Empty);
    }

    private static async Task PictureAsync(IPage page, string name, bool isWanted, Clip clip)
    {
        if (isWanted && Environment.GetEnvironmentVariable("UPDATE_PAGES") == "1")
        {
            clip.Height = Math.Min(await page.EvaluateAsync<int>("document.body.getBoundingClientRect().height"), 1400);
            await page.ScreenshotAsync(new() { Path = Path.Combine(Pictures, $"{name}.png"), FullPage = true, Clip = clip });
        }
    }

    // 2.1.1, 2.4.3, 2.4.7: everything that can be pressed is reached by the key, in the order of the text, and is seen to be.
    private static async Task<IEnumerable<string>> TabThroughAsync(IPage page)
    {
        var count = await page.EvaluateAsync<int>("""
            () => {
                window.stops = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), summary, pre[tabindex]')]
                    .filter(stop => !stop.disabled && (stop.matches('details > summary') && !stop.parentElement.parentElement.closest('details:not([open])') || !stop.closest('details:not([open])')));
                document.body.tabIndex = -1;
                document.body.focus();
                document.body.removeAttribute('tabindex');
                window.reached = [];
                document.addEventListener('focusin', at => window.reached.push(`${window.stops.indexOf(at.target)} ${getComputedStyle(at.target).outlineStyle === 'none' ? 'unseen' : 'seen'}`));
                return window.stops.length;
            }
            """);
        for (var i = 0; i < count; i++)
        {
            await page.Keyboard.PressAsync("Tab");
        }

        var reached = await page.EvaluateAsync<string[]>("window.reached");
        var wrong = Enumerable.Range(0, count).FirstOrDefault(i => reached.ElementAtOrDefault(i) != $"{i} seen", -1);
        return wrong < 0 ? [] : [$"the key comes to {reached.ElementAtOrDefault(wrong)} and not to {wrong} of {count}: {await page.EvaluateAsync<string>($"window.stops[{wrong}].outerHTML")}"];
    }

    private static async Task<IEnumerable<string>> InForcedColoursAsync(IPage page)
    {
        await page.EmulateMediaAsync(new() { ForcedColors = ForcedColors.Active });
        var problems = await page.EvaluateAsync<string[]>("""
            () => [...document.querySelectorAll('button:not(.link), .button')].filter(button => !parseFloat(getComputedStyle(button).borderBlockStartWidth))
                .map(button => `cannot be seen as a button: ${button.textContent}`)
            """);
        await page.EmulateMediaAsync(new() { ForcedColors = ForcedColors.None });
        return problems;
    }

    // 1.4.4: as somebody has set it in their browser. The last of a page's turns: the size stays with it.
    private static async Task<IEnumerable<string>> WithLargeTextAsync(IPage page)
    {
        var browser = await page.Context.NewCDPSessionAsync(page);
        await SetAsync(32);
        var size = await page.EvaluateAsync<string>("getComputedStyle(document.body).fontSize");
        var problems = (await FitsAsync(page)).Concat(size == "32px" ? [] : [$"has text of {size}"]).Select(problem => $"with large text: {problem}").ToList();
        await SetAsync(16);
        await browser.DetachAsync();
        return problems;

        Task SetAsync(int pixels) =>
            browser.SendAsync("Page.setFontSizes", new() { ["fontSizes"] = new Dictionary<string, object> { ["standard"] = pixels, ["fixed"] = pixels } });
    }

    // Each page, with what the inspection says, what the console says, and what it asks of others.
    private async Task<IReadOnlyList<string>> FindProblemsAsync(BrowserNewContextOptions options, Func<IPage, PageState, Task<IEnumerable<string>>> inspect)
    {
        var problems = new List<string>();
        foreach (var states in _scene.States.GroupBy(state => state.Cookies))
        {
            await using var chromium = await Chromium.OpenAsync(options);
            await chromium.Context.AddCookiesAsync(states.Key);
            await Axe.AddToAsync(chromium.Context);
            var requests = new ConcurrentQueue<string>();
            chromium.Page.Request += (_, request) => requests.Enqueue(request.Url);
            foreach (var state in states)
            {
                chromium.Forget();
                requests.Clear();
                await state.OpenAsync(chromium.Page);
                problems.AddRange((await inspect(chromium.Page, state))
                    .Concat(chromium.ConsoleErrors.Where(error => !IsStatus(error, state)).Select(error => $"the console says: {error}"))
                    .Concat(requests.Where(url => !IsOurs(url)).Select(url => $"asks {url}"))
                    .Select(problem => $"{state.Name}: {problem}"));
                await chromium.Page.UnrouteAllAsync();
            }
        }

        return problems;
    }

    private static async Task<IEnumerable<string>> FitsAsync(IPage page) =>
        await page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth") is > 0 and var over
            ? [$"is {over} pixels wider than the screen"]
            : [];

    // Asked at once: each question of its own would cost more than its answer.
    private static async Task<IEnumerable<string>> IsPlainAsync(IPage page, string language) => await page.EvaluateAsync<string[]>("""
        ([language, direction, maxBytes]) => {
            const html = document.documentElement;
            const bytes = new TextEncoder().encode(html.outerHTML).length;
            return [
                (html.lang !== language || html.dir !== direction) && `says that it is ${html.lang}, ${html.dir}`,
                document.querySelector('script, [onclick], [onload], [style], style, iframe') && 'has script, a style of its own or a frame',
                (document.querySelectorAll('h1').length !== 1 || document.querySelectorAll('main h1').length !== 1) && 'has not one heading',
                bytes > maxBytes && `has ${bytes} bytes`,
            ].filter(problem => problem);
        }
        """, new object[] { language, language == "ar" ? "rtl" : "ltr", MaxPageBytes });

    private bool IsOurs(string url) => url.StartsWith("data:", StringComparison.Ordinal) || _scene.Origins.Any(origin => url.StartsWith(origin + "/", StringComparison.Ordinal));

    private static bool IsStatus(string error, PageState state) =>
        (int)state.Status >= 400 && error.Contains($"responded with a status of {(int)state.Status}", StringComparison.Ordinal);

    /// <param name="Texts">What each page says, by its name.</param>
    /// <param name="Problems">A line each.</param>
    private sealed record Inspection(IReadOnlyDictionary<string, string[]> Texts, IReadOnlyList<string> Problems);
}
