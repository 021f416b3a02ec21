using System.Collections.Concurrent;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Commands;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace McpIdentity.Tests.Commands;

/// <summary>What a verb makes of a server elsewhere that is busy, broken, of another release, or somebody else: docs/cli.md, "From another machine".</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.Self)]
internal sealed class RemoteAccessTests
{
    private const string Api = "/api/admin/v1";
    private const string Clients = Api + "/clients";
    private const string Client = """{ "client_id": "c", "kind": "dynamic", "type": "public", "status": "enabled", "redirect_uris": [], "grant_types": [], "permissions": [], "resources": [], "pre_approved": false, "of_a_later_release": { "x": 1 } }""";

    private readonly ConcurrentQueue<(string Method, string? Key, string? Token)> _asked = [];
    private DocumentHost _host = null!;
    private RemoteServer _server = null!;
    private RemoteAccess _access = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _host = await DocumentHost.StartAsync();
        _host.Serve($"/.well-known/oauth-protected-resource{Api}", context => AnswerAsync(context, 200, $$"""{ "resource": "{{_host.Origin}}{{Api}}", "authorization_servers": [ "{{_host.Origin}}" ] }"""));
    }

    [SetUp]
    public void Begin()
    {
        _asked.Clear();
        _server = new RemoteServer(new Uri(_host.Origin), CancellationToken.None);
        _access = new RemoteAccess(_server, new RemoteTokens(_server, new RemoteCredentials("a-token")));
    }

    [TearDown]
    public void End()
    {
        _access.Dispose();
        _server.Dispose();
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _host.DisposeAsync();

    [Test]
    public async Task A_list_is_read_to_its_end_and_what_a_later_release_adds_is_left_out()
    {
        Serve((context, _) => AnswerAsync(context, 200, context.Request.Query["cursor"] == "second page?" ? $$"""{ "items": [ {{Client}} ] }""" : $$"""{ "items": [ {{Client}}, {{Client}} ], "next": "second page?" }"""));

        Assert.That((await _access.ListAsync<ClientView>("list_clients", ("q", "a&b"))).Value, Has.Count.EqualTo(3));
        Assert.That(_asked.Select(asked => asked.Token), Is.All.EqualTo("Bearer a-token"));
    }

    // RFC 9110 §10.2.3.
    [Test]
    public async Task Who_is_told_to_come_again_comes_again_once_and_not_where_that_is_long()
    {
        Serve((context, attempt) =>
        {
            context.Response.Headers.RetryAfter = "1";
            return attempt == 1 ? ProblemAsync(context, 429, "too_many_requests") : AnswerAsync(context, 200, """{ "items": [] }""");
        });
        var started = DateTimeOffset.UtcNow;
        Assert.That((await _access.ListAsync<ClientView>("list_clients")).Value, Is.Empty);
        Assert.That(DateTimeOffset.UtcNow - started, Is.GreaterThanOrEqualTo(TimeSpan.FromSeconds(0.9)));

        Serve((context, _) =>
        {
            context.Response.Headers.RetryAfter = "3600";
            return ProblemAsync(context, 429, "too_many_requests");
        });
        var problem = (await _access.ListAsync<ClientView>("list_clients")).Problem!;
        Assert.That((problem.Code, ExitCode.Of(problem), _asked.Count), Is.EqualTo(("too_many_requests", ExitCode.Unavailable, 1)));
    }

    // RFC 9110 §9.2.2.
    [Test]
    public async Task What_was_cut_off_is_sent_again_with_the_same_key_and_a_deletion_is_not()
    {
        Serve((context, attempt) =>
        {
            if (attempt == 1)
            {
                context.Abort();
                return Task.CompletedTask;
            }

            return AnswerAsync(context, 201, $$"""{ "client": {{Client}}, "client_secret": "s" }""");
        });
        Assert.That((await _access.SendAsync<ClientWithSecret>("create_client", NewClient.Example)).Value!.ClientSecret, Is.EqualTo("s"));
        Assert.That(_asked.Select(asked => asked.Key).Distinct().ToList(), Has.Count.EqualTo(1).And.All.Length.EqualTo(32));
        Assert.That(_asked, Has.Count.EqualTo(2));

        _host.Serve(Clients + "/c", context =>
        {
            _asked.Enqueue((context.Request.Method, null, null));
            context.Abort();
            return Task.CompletedTask;
        });
        var failure = await Assert.ThrowsAsync<VerbFailure>(() => _access.RemoveAsync("delete_client", ("client_id", "c")));
        Assert.That((failure!.ExitCode, _asked.Count), Is.EqualTo((ExitCode.Unavailable, 3)));
        Assert.That(failure.Message, Does.Contain("It may have been done all the same."));
    }

    // The first is at work still: what it leads to is the answer to both.
    [Test]
    public async Task Whose_first_attempt_is_at_work_waits_for_its_answer()
    {
        Serve((context, attempt) =>
        {
            context.Response.Headers.RetryAfter = "0";
            return attempt switch
            {
                1 => AbortAsync(context),
                < 4 => ProblemAsync(context, 409, "request_in_progress"),
                _ => AnswerAsync(context, 201, $$"""{ "client": {{Client}}, "client_secret": "s" }"""),
            };
        });

        Assert.That((await _access.SendAsync<ClientWithSecret>("create_client", NewClient.Example)).Value?.ClientSecret, Is.EqualTo("s"));
        Assert.That(_asked.Select(asked => asked.Key).Distinct().Count(), Is.EqualTo(1));
        Assert.That(_asked, Has.Count.EqualTo(4));
    }

    [Test]
    public async Task An_answer_that_breaks_off_is_asked_for_again()
    {
        Serve(async (context, attempt) =>
        {
            if (attempt == 1)
            {
                context.Response.ContentLength = 1000;
                await AnswerAsync(context, 201, """{ "client": """);
                await context.Response.Body.FlushAsync();
                context.Abort();
                return;
            }

            await AnswerAsync(context, 201, $$"""{ "client": {{Client}}, "client_secret": "s" }""");
        });

        Assert.That((await _access.SendAsync<ClientWithSecret>("create_client", NewClient.Example)).Value?.ClientSecret, Is.EqualTo("s"));
        Assert.That(_asked, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task Of_what_may_have_been_done_it_is_said()
    {
        Serve((context, _) => AbortAsync(context));
        Assert.That((await Assert.ThrowsAsync<VerbFailure>(() => _access.SendAsync<ClientWithSecret>("create_client", NewClient.Example)))!.Message, Does.EndWith("It may have been done all the same."));
        Assert.That((await Assert.ThrowsAsync<VerbFailure>(() => _access.ListAsync<ClientView>("list_clients")))!.Message, Does.Not.Contain("may have been done"));
        Serve((context, _) => AnswerAsync(context, 504, "<h1>Time-out</h1>", "text/html"));
        Assert.That((await Assert.ThrowsAsync<VerbFailure>(() => _access.SendAsync<ClientWithSecret>("create_client", NewClient.Example)))!.Message, Does.EndWith("It may have been done all the same."));

        using var interrupt = new CancellationTokenSource();
        using var server = new RemoteServer(new Uri(_host.Origin), interrupt.Token);
        Serve(async (context, _) =>
        {
            await interrupt.CancelAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        });
        var interrupted = await Assert.ThrowsAsync<VerbFailure>(() => new RemoteAccess(server, new RemoteTokens(server, new RemoteCredentials("a-token"))).SendAsync<ClientWithSecret>("create_client", NewClient.Example));
        Assert.That((interrupted!.ExitCode, interrupted.Message), Is.EqualTo((ExitCode.Interrupted, "Interrupted before the server answered. It may have been done all the same.")));
    }

    // A page of somebody who stands before it, as to sign in.
    [Test]
    public async Task A_page_is_neither_a_deletion_nor_an_export()
    {
        _host.Serve(Clients + "/c", context => AnswerAsync(context, 200, "<h1>Welcome</h1>", "text/html"));
        _host.Serve(Api + "/audit/export", context => AnswerAsync(context, 200, "<h1>Welcome</h1>", "text/html"));
        var opened = 0;

        foreach (var call in new Func<Task>[]
        {
            () => _access.RemoveAsync("delete_client", ("client_id", "c")),
            () => _access.DownloadAsync("export_audit", () => new MemoryStream(opened++)),
        })
        {
            var failure = await Assert.ThrowsAsync<VerbFailure>(call);
            Assert.That((failure!.ExitCode, failure.Message.Contains("not as an McpIdentity does", StringComparison.Ordinal)), Is.EqualTo((ExitCode.Failed, true)));
        }

        Assert.That(opened, Is.Zero);
    }

    [Test]
    public async Task Half_of_an_export_is_not_kept_and_a_disk_that_is_full_is_no_server_that_is_away()
    {
        using var folder = new TemporaryFolder();
        string[] whileItIsWritten = [];
        _host.Serve(Api + "/audit/export", async context =>
        {
            await AnswerAsync(context, 200, "{}\n", "application/x-ndjson");
            await context.Response.Body.FlushAsync();
            await Until.TrueAsync(() => (whileItIsWritten = Directory.GetFiles(folder.Path, "half*")).Length > 0, "it is written");
            context.Abort();
        });
        await File.WriteAllTextAsync(folder.File("token"), "a-token");
        Assert.That((await Verbs.RunAsync(["audit", "export", "--to", folder.File("half"), "--at", _host.Origin, "--token-file", folder.File("token")])).ExitCode, Is.EqualTo(ExitCode.Unavailable));
        Assert.That(whileItIsWritten, Has.One.Items.And.None.EqualTo(folder.File("half")), "a process that is killed leaves nothing of that name");
        Assert.That(Directory.GetFiles(folder.Path, "half*"), Is.Empty);

        _host.Serve(Api + "/audit/export", context => AnswerAsync(context, 200, "{}\n", "application/x-ndjson"));
        await Assert.ThatAsync(() => _access.DownloadAsync("export_audit", () => new FullDisk()), Throws.InstanceOf<IOException>());
    }

    // Past moments are no wait.
    [Test]
    public async Task What_proxies_say_when_the_server_is_away_may_do_later()
    {
        Serve((context, attempt) =>
        {
            context.Response.Headers.RetryAfter = DateTimeOffset.UtcNow.AddSeconds(-1).ToString("r");
            return attempt == 1 ? AnswerAsync(context, 503, "<h1>Busy</h1>", "text/html") : AnswerAsync(context, 200, """{ "items": [] }""");
        });
        Assert.That((await _access.ListAsync<ClientView>("list_clients")).Value, Is.Empty);

        foreach (var (status, type, body) in new[] { (429, "text/html", "<h1>Slow down</h1>"), (502, "application/json", """{ "message": "Bad gateway" }"""), (504, "application/json", """{ "error": "time-out" }""") })
        {
            Serve((context, _) => AnswerAsync(context, status, body, type));
            Assert.That((await Assert.ThrowsAsync<VerbFailure>(() => _access.ListAsync<ClientView>("list_clients")))!.ExitCode, Is.EqualTo(ExitCode.Unavailable), $"{status} {type}");
        }
    }

    [Test]
    public async Task A_server_that_says_less_or_says_the_same_again_is_named()
    {
        foreach (var answer in new[] { "{}", $$"""{ "items": [ {{Client.Replace(""" "permissions": [],""", "", StringComparison.Ordinal)}} ] }""" })
        {
            Serve((context, _) => AnswerAsync(context, 200, answer));
            Assert.That((await Assert.ThrowsAsync<VerbFailure>(() => _access.ListAsync<ClientView>("list_clients")))!.Message, Does.Contain("another release may serve there"), answer);
        }

        Serve((context, _) => AnswerAsync(context, 200, """{ "items": [], "next": "again" }"""));
        Assert.That((await Assert.ThrowsAsync<VerbFailure>(() => _access.ListAsync<ClientView>("list_clients")))!.Message, Does.Contain("has no end"));

        Serve((context, _) => AnswerAsync(context, 400, """{ "type": "urn:mcpidentity:problem:invalid_parameter", "status": 400, "detail": "called is no parameter of list_clients." }""", "application/problem+json"));
        Assert.That((await Assert.ThrowsAsync<VerbFailure>(() => _access.ListAsync<ClientView>("list_clients")))!.ExitCode, Is.EqualTo(ExitCode.Failed), "an older release");
    }

    [TestCase(302, "https://elsewhere.example/", ExitCode.Failed, "leads to https://elsewhere.example/"), TestCase(502, null, ExitCode.Unavailable, "answers 502"), TestCase(500, null, ExitCode.Unavailable, "answers 500"), TestCase(404, null, ExitCode.Failed, "not as an McpIdentity does")]
    [TestCase(200, null, ExitCode.Failed, "another release may serve there")]
    public async Task What_no_admin_API_answers_is_said(int status, string? location, int exitCode, string words)
    {
        Serve((context, _) =>
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = "text/html";
            context.Response.Headers.Location = location;
            return context.Response.WriteAsync("<h1>Welcome</h1>");
        });

        var failure = await Assert.ThrowsAsync<VerbFailure>(() => _access.ListAsync<ClientView>("list_clients"));

        Assert.That(failure!.ExitCode, Is.EqualTo(exitCode));
        Assert.That(failure.Message, Does.Contain(words).And.Contain(_host.Origin).And.Not.Contain("a-token"));
    }

    [Test]
    public async Task An_operation_that_an_older_release_has_not_is_no_thing_that_is_not_there()
    {
        Serve((context, _) => ProblemAsync(context, 404, "not_found"));

        var failure = await Assert.ThrowsAsync<VerbFailure>(() => _access.ListAsync<ClientView>("list_clients"));

        Assert.That(failure!.ExitCode, Is.EqualTo(ExitCode.Failed));
        Assert.That(failure.Message, Does.Contain("does not know this operation"));
    }

    // RFC 9728 §3.3.
    [Test]
    public async Task A_server_that_calls_itself_otherwise_gets_no_token()
    {
        await using var host = await DocumentHost.StartAsync();
        host.Serve($"/.well-known/oauth-protected-resource{Api}", context => AnswerAsync(context, 200, $$"""{ "resource": "https://id.example.org{{Api}}", "authorization_servers": [ "https://id.example.org" ] }"""));
        using var server = new RemoteServer(new Uri(host.Origin), CancellationToken.None);

        var failure = await Assert.ThrowsAsync<VerbFailure>(() => new RemoteTokens(server, new RemoteCredentials("a-token")).ForAsync("admin:read"));

        Assert.That(failure!.Message, Is.EqualTo($"The server at {host.Origin} is called https://id.example.org: name it so."));
    }

    [Test]
    public async Task A_secret_goes_to_no_other_server_that_a_document_names()
    {
        _host.Serve("/.well-known/oauth-authorization-server", context => AnswerAsync(context, 200, $$"""{ "issuer": "{{_host.Origin}}", "token_endpoint": "https://elsewhere.example/token" }"""));

        var failure = await Assert.ThrowsAsync<VerbFailure>(() => new RemoteTokens(_server, new RemoteCredentials(ClientId: "robot", ClientSecret: "s")).ForAsync("admin:read"));

        Assert.That(failure!.Message, Does.Contain("does not say where its clients get tokens"));
    }

    [Test]
    public async Task Who_is_interrupted_ends()
    {
        using var interrupt = new CancellationTokenSource();
        using var server = new RemoteServer(new Uri(_host.Origin), interrupt.Token);
        Serve(async (context, _) =>
        {
            await interrupt.CancelAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        });

        await Assert.ThatAsync(() => new RemoteAccess(server, new RemoteTokens(server, new RemoteCredentials("a-token"))).ListAsync<ClientView>("list_clients"), Throws.InstanceOf<OperationCanceledException>(), "130");
    }

    private void Serve(Func<HttpContext, int, Task> answer)
    {
        _asked.Clear();
        var attempts = 0;
        _host.Serve(Clients, context =>
        {
            _asked.Enqueue((context.Request.Method, context.Request.Headers["Idempotency-Key"], context.Request.Headers.Authorization));
            return answer(context, Interlocked.Increment(ref attempts));
        });
    }

    private static Task AbortAsync(HttpContext context)
    {
        context.Abort();
        return Task.CompletedTask;
    }

    private sealed class FullDisk : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => throw new IOException("No space left on device");
    }

    private static Task ProblemAsync(HttpContext context, int status, string code) => AnswerAsync(context, status, $$"""{ "type": "urn:mcpidentity:problem:{{code}}", "status": {{status}}, "detail": "So it is." }""", "application/problem+json");

    private static Task AnswerAsync(HttpContext context, int status, string json, string mediaType = "application/json")
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = mediaType;
        return context.Response.WriteAsync(json);
    }
}
