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

    private static Task ProblemAsync(HttpContext context, int status, string code) => AnswerAsync(context, status, $$"""{ "type": "urn:mcpidentity:problem:{{code}}", "status": {{status}}, "detail": "So it is." }""", "application/problem+json");

    private static Task AnswerAsync(HttpContext context, int status, string json, string mediaType = "application/json")
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = mediaType;
        return context.Response.WriteAsync(json);
    }
}
