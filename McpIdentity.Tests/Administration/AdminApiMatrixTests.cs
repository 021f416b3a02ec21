using System.Net;
using System.Text.Json;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Roles;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Administration;

/// <summary>Every operation of <c>docs/admin-api.json</c>, called by every role as the document says, and nothing answered that it does not say.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class AdminApiMatrixTests
{
    private readonly ApiDocument _document = new();
    private readonly Dictionary<string, AdminClient> _clients = [];
    private AdminScene _scene = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _scene = await AdminScene.StartAsync();
        foreach (var name in (string[])["olga", "otto", "anna", "hugo"])
        {
            _clients[name] = await _scene.ClientAsync(name);
        }

        _clients["robot"] = await _scene.ServiceAsync();
        _clients["nobody"] = new AdminClient(_scene.Server, null);
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _scene.DisposeAsync();

    // All scopes that a role is granted; what is left out of them is refused for the scope, the rest for the role.
    [TestCase("olga", AdminRole.Owner), TestCase("otto", AdminRole.Operator), TestCase("anna", AdminRole.Auditor), TestCase("hugo", AdminRole.Helpdesk), TestCase("robot", AdminRole.Owner), TestCase("nobody", null)]
    public async Task Each_role_may_do_what_the_table_of_rights_says(string name, AdminRole? role)
    {
        var problems = new List<string>();
        foreach (var operation in _document.Operations)
        {
            var right = Enum.GetValues<AdminRight>().Single(right => JsonNamingPolicy.SnakeCaseLower.ConvertName(right.ToString()) == operation.Right);
            Assert.That(operation.Scope, Is.EqualTo(AdminRights.ScopeOf(right)), operation.Id);
            var may = role?.May(right) == true && !(name == "robot" && AdminRights.IsForPeopleOnly(right));
            var path = may ? await AdminSeeds.PathForAsync(_scene, operation) : operation.Path.Replace("{", "", StringComparison.Ordinal).Replace("}", "", StringComparison.Ordinal);

            using var response = await _clients[name].SendAsync(operation.Method, path, may ? await AdminSeeds.BodyForAsync(_scene, operation) : operation.Example);

            problems.AddRange(await _document.ProblemsOfAsync(operation, response));
            var expected = may ? operation.Success : role is null ? 401 : 403;
            if ((int)response.StatusCode != expected)
            {
                problems.Add($"{operation}: {(int)response.StatusCode}, not {expected}: {await response.Content.ReadAsStringAsync()}");
            }
        }

        Assert.That(string.Join('\n', problems), Is.Empty);
    }

    // Whatever is sent: what is wrong is said, and nothing breaks.
    [Test]
    public async Task Bad_input_is_a_problem_and_never_a_fault()
    {
        string[] bodies = ["", "{", "[]", "null", "true", "\"x\"", "{\"no_such_member\":1}", "{\"name\":1,\"name\":2}", "{\"name\":\"a\\u0000b\"}", "{\"name\":\"\\ud800\"}", new string('[', 2000), "{\"kind\":{}}", "{\"redirect_uris\":[null]}", "{\"redirect_uris\":[\"javascript:alert(1)\"]}", "{\"overlap_hours\":1e400}", "{\"unused_days\":-1}", "{\"role\":\"king\"}", "\ufeff{}"];
        string[] ids = ["x", "%00", "%2F", "..%2f..", "%F0%9F%92%A9", "'%20OR%201=1--", new string('y', 1500), "https:%2F%2Fapp.example%2Fclient.json"];
        var problems = new List<string>();
        foreach (var operation in _document.Operations)
        {
            foreach (var (body, id) in bodies.Select(body => (body, "x")).Concat(ids.Select(id => ("{}", id))))
            {
                if (operation.Method == HttpMethod.Get && body is not "{}" and not "")
                {
                    continue;
                }

                var path = System.Text.RegularExpressions.Regex.Replace(operation.Path, @"\{[a-z_]+\}", id);
                using var response = await _clients["olga"].SendAsync(operation.Method, path, operation.Method == HttpMethod.Get || operation.Method == HttpMethod.Delete ? null : body);
                if ((int)response.StatusCode >= 500 || (!response.IsSuccessStatusCode && response.Content.Headers.ContentLength != 0 && response.Content.Headers.ContentType?.MediaType != "application/problem+json"))
                {
                    problems.Add($"{operation} {path} {body[..Math.Min(body.Length, 50)]}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
                }
            }

            foreach (var query in (string[])["limit=0", "limit=201", "limit=x", "cursor=x", "cursor=", "no_such=1", "limit=1&limit=2", "q=%00", "q=%", "kind=x", "unused_since=yesterday", "never_used=1"])
            {
                using var response = await _clients["olga"].SendAsync(HttpMethod.Get, $"/clients?{query}");
                if (query != "cursor=" && query != "q=%" && response.StatusCode != HttpStatusCode.BadRequest)
                {
                    problems.Add($"{query}: {(int)response.StatusCode}");
                }
            }
        }

        Assert.That(string.Join('\n', problems), Is.Empty);
    }

    [TestCase("""{"kind":"service","kind":"service"}"""), TestCase("""{"kind":"service","no_such_member":1}"""), TestCase("""{"kind":"service","resources":[null]}"""), TestCase("""{"kind":"service","name":"a\u0000b"}""")]
    public async Task A_member_that_is_there_twice_that_nobody_knows_or_that_holds_nothing_is_refused(string body)
    {
        using var refused = await _clients["olga"].PostAsync("/clients", body);

        Assert.That(((int)refused.StatusCode, await refused.ProblemAsync()), Is.EqualTo((400, "invalid_json")), await refused.Content.ReadAsStringAsync());
    }

    [TestCase("text/plain", 415, "unsupported_media_type"), TestCase("application/x-www-form-urlencoded", 415, "unsupported_media_type")]
    public async Task A_body_of_another_kind_is_refused(string type, int status, string code)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, AdminClient.Prefix + "/clients") { Content = new StringContent("{}", System.Text.Encoding.UTF8, type), Headers = { { "Authorization", "Bearer " + _clients["olga"].Token } } };
        using var refused = await _scene.Server.Http.SendAsync(request);

        Assert.That(((int)refused.StatusCode, await refused.ProblemAsync()), Is.EqualTo((status, code)));
    }

    [Test]
    public async Task A_body_that_is_too_large_is_refused()
    {
        using var refused = await _clients["olga"].PostAsync("/clients", new { kind = "service", name = new string('x', 300_000) });

        Assert.That(((int)refused.StatusCode, await refused.ProblemAsync()), Is.EqualTo((413, "body_too_large")));
    }
}
