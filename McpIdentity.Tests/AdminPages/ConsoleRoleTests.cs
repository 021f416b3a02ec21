using System.Net;
using McpIdentity.Server.Administration;
using McpIdentity.Server.AdminPages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Roles;
using McpIdentity.Tests.Account;
using McpIdentity.Tests.Administration;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.AdminPages;

/// <summary>Each role sees what it may, is offered what it may do, and does nothing else; and signing in leads back to what was asked for.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class ConsoleRoleTests
{
    // What a form of a page asks for, by its address and the value of its button or the name of its handler.
    private static readonly (string Path, string Body, AdminRight Needs)[] Forms =
    [
        ("/admin/clients?handler=create", "name=x&what=service", AdminRight.Write),
        ("/admin/clients?handler=prune", "days=30&act=count", AdminRight.Write),
        ("/admin/client?id=robot", "act=disable", AdminRight.Write),
        ("/admin/registration?handler=create", "name=x", AdminRight.Write),
        ("/admin/registration?handler=revoke", "name=x", AdminRight.Write),
        ("/admin/registration?handler=try", "metadata={}", AdminRight.Read),
        ("/admin/sessions", "end=nothing", AdminRight.EndAccess),
        ("/admin/grants", "end=nothing", AdminRight.EndAccess),
        ("/admin/connections", "end=olga&where=nowhere", AdminRight.EndAccess),
        ("/admin/tokens", "token=nothing", AdminRight.ReadPeople),
        ("/admin/tokens", "token=nothing&act=end", AdminRight.EndAccess),
        ("/admin/servers", "name=x&url=y", AdminRight.Write),
        ("/admin/policy?handler=test", "server=x&tool=y", AdminRight.Read),
        ("/admin/policy?handler=propose", "document={}&act=diff", AdminRight.Read),
        ("/admin/policy?handler=propose", "document={}&act=apply", AdminRight.WritePolicy),
        ("/admin/policy?handler=rollback", "version=1", AdminRight.WritePolicy),
        ("/admin/providers", "email=x@example.com", AdminRight.Read),
        ("/admin/keys", "act=nothing", AdminRight.WriteKeys),
        ("/admin/administrators?handler=grant", "user=nobody&role=owner", AdminRight.WriteRoles),
        ("/admin/audit?handler=verify", "", AdminRight.ReadAudit),
    ];

    private static readonly (string Name, AdminRole Role)[] People = [("olga", AdminRole.Owner), ("otto", AdminRole.Operator), ("anna", AdminRole.Auditor), ("hugo", AdminRole.Helpdesk)];

    private AdminScene _scene = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _scene = await AdminScene.StartAsync("Admin:Owners:1=gina@example.com");
        _scene.Google.Add(new GoogleAccount("gina@example.com", "gina", "Example"));
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _scene.DisposeAsync();

    [TestCaseSource(nameof(People))]
    public async Task Each_role_sees_and_does_what_it_may((string Name, AdminRole Role) who)
    {
        using var person = _scene.Person(who.Name);
        var hand = new NoScriptHand(person);
        await hand.OpenAsync(Paths.Console);
        var offered = hand.Page.Document!.QuerySelectorAll("nav[aria-label=Console] a").Select(link => link.GetAttribute("href")!).ToList();
        var problems = new List<string>();
        var token = "";
        foreach (var section in ConsoleSection.For(AdminRole.Owner))
        {
            await hand.OpenAsync(section.Path);
            var expected = who.Role.May(section.Needs);
            if ((hand.Page.Status == HttpStatusCode.OK) != expected || offered.Contains(section.Path) != expected)
            {
                problems.Add($"{section.Path}: {hand.Page.Status}, offered: {offered.Contains(section.Path)}");
            }

            foreach (var form in hand.Page.Document!.Forms.Where(form => form.Method == "post" && hand.Page.Status == HttpStatusCode.OK))
            {
                token = form.QuerySelector("[name=__RequestVerificationToken]")!.GetAttribute("value")!;
                var action = new Uri(hand.Page.Address, form.GetAttribute("action")).PathAndQuery;
                if (Forms.Where(known => known.Path == action).Select(known => known.Needs).DefaultIfEmpty(AdminRight.WriteRoles).All(needs => !who.Role.May(needs)))
                {
                    problems.Add($"{section.Path} offers {action}");
                }
            }
        }

        foreach (var (path, body, needs) in Forms)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent($"{body}&__RequestVerificationToken={Uri.EscapeDataString(token)}", null, "application/x-www-form-urlencoded") };
            request.Headers.Add("Cookie", person.Cookies.GetCookieHeader(new Uri(_scene.Server.BaseUrl)));
            request.Headers.Add("Accept", "text/html");
            using var answer = await _scene.Server.Http.SendAsync(request);
            var isRefused = answer.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.NotFound && !(await answer.Content.ReadAsStringAsync()).Contains("aria-label=\"Console\"", StringComparison.Ordinal)
                || (answer.StatusCode == HttpStatusCode.Forbidden && path == "/admin/tokens");
            if (isRefused == who.Role.May(needs))
            {
                problems.Add($"POST {path} {body}: {(int)answer.StatusCode}");
            }
        }

        Assert.That(string.Join('\n', problems), Is.Empty);
    }

    [TestCase("/admin/clients?text=a%20b&status=waiting", "/admin/clients?text=a%20b&status=waiting"), TestCase("/admin/client?id=robot", "/admin/client?id=robot"), TestCase("/admin/trace/?of=robot", "/admin/trace?of=robot"), TestCase("/Admin", "/admin")]
    public async Task Who_signs_in_is_at_what_they_asked_for(string asked, string opened)
    {
        using var olga = _scene.Person("olga");
        var hand = new NoScriptHand(olga);

        await hand.OpenAsync(asked);

        Assert.That((hand.Page.Status, hand.Page.Address.PathAndQuery), Is.EqualTo((HttpStatusCode.OK, opened)));
    }

    [TestCase("admin~%0d%0aX"), TestCase("admin~" + "WA0KWA"), TestCase("admin~!"), TestCase("admin..x"), TestCase("administrators~")]
    public async Task A_name_of_a_page_that_nobody_gave_leads_nowhere_else(string name)
    {
        using var answer = await _scene.Server.Http.GetAsync(Paths.SignInFor(name));

        Assert.That((int)answer.StatusCode, Is.LessThan(500));
        Assert.That(answer.Headers.Location?.OriginalString ?? "", Does.Not.Contain("\r"));
    }

    // RFC 9470 §4: where the provider does not say when it was, no sign-in is ever recent enough.
    [Test]
    public async Task Whose_provider_does_not_say_when_they_signed_in_is_told_what_to_do_after_one_try()
    {
        using var gina = _scene.Person("gina");
        var hand = new NoScriptHand(gina);
        await hand.OpenAsync(KeysModel.Path);
        await hand.SendAsync("rotate");

        await hand.SignInAsync();

        Assert.That(hand.Page.Address.AbsolutePath, Is.EqualTo(KeysModel.Path));
        Assert.That((await hand.AllAsync("[role=alert]")).Single(), Does.Contain("does not say when you signed in").And.Contain("mcpidentity keys rotate"));
    }

    [Test]
    public async Task A_page_that_renews_itself_begins_no_sign_in()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Paths.Console) { Headers = { { "HX-Request", "true" } } };

        using var answer = await _scene.Server.Http.SendAsync(request);

        Assert.That((answer.StatusCode, answer.Headers.GetValues("HX-Redirect").Single()), Is.EqualTo((HttpStatusCode.Unauthorized, Paths.SignInFor("admin"))));
    }
}
