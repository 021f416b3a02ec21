using System.Globalization;
using System.Text;
using McpIdentity.Server;
using McpIdentity.Server.Tokens;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Architecture;

/// <summary>The order in which handlers really run is the one that <c>Pipeline.cs</c> and docs/pipeline.md say.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class PipelineTests
{
    private const string Document = "docs/pipeline.md";
    private const string Regenerate = "UPDATE_PIPELINE=1 dotnet test McpIdentity.Tests -c Release --filter FullyQualifiedName~PipelineTests";

    private IReadOnlyList<IReadOnlyList<PipelineTrace.Step>> _requests = null!;

    // One request of each kind, and refusals by OpenIddict, by a rule and by our endpoint.
    [OneTimeSetUp]
    public async Task AskForEverythingAsync()
    {
        await using var trace = await PipelineTrace.StartAsync();
        var server = trace.Server;
        using var alice = new Person(server);
        var client = await OAuthClient.RegisterAsync(server, new
        {
            redirect_uris = new[] { OAuthClient.DefaultRedirectUri },
            grant_types = new[] { "authorization_code", "refresh_token", "client_credentials" },
        });
        var tokens = await client.ConnectAsync(alice, ("scope", "openid mcp mcp:call"));
        var code = await client.AuthorizeAsync(alice);
        (await client.RedeemAsync(code, ("code_verifier", new string('x', 43)))).Dispose();
        (await client.RefreshAsync(tokens.Text("refresh_token")!)).Dispose();
        (await client.TokenAsync(("grant_type", "client_credentials"))).Dispose();
        using (var userInfo = new HttpRequestMessage(HttpMethod.Get, "/oauth/userinfo"))
        {
            userInfo.Headers.Authorization = new("Bearer", tokens.Text("access_token"));
            (await server.Http.SendAsync(userInfo)).Dispose();
        }

        (await client.PostAsync("/oauth/introspect", ("token", tokens.Text("access_token")))).Dispose();
        (await client.PostAsync("/oauth/revoke", ("token", tokens.Text("access_token")))).Dispose();
        (await server.Http.GetAsync("/.well-known/oauth-authorization-server")).Dispose();
        using var stranger = new Person(server);
        await stranger.AuthorizeAsync(client.AuthorizeUrl(("prompt", "none")));
        _requests = trace.Requests;
    }

    [Test]
    public void Handlers_run_in_the_order_of_the_table([ValueSource(nameof(Stages))] string stage)
    {
        var table = Pipeline.Stages.Single(candidate => candidate.Context.Name == stage);
        var named = table.Steps.Select(step => step.ServiceDescriptor.ServiceType.Name).ToList();
        var removed = table.Removed.Select(step => step.ServiceDescriptor.ServiceType.Name).ToList();

        foreach (var ran in _requests.SelectMany(request => RunsOf(request, stage[..^"Context".Length])))
        {
            var seen = ran.Where(named.Contains).ToList();
            Assert.That(seen, Is.EqualTo(named.Where(seen.Contains)), string.Join(", ", ran));
            Assert.That(ran.Intersect(removed), Is.Empty);
        }
    }

    [Test]
    public void Every_handler_of_the_table_runs() => Assert.That(
        Pipeline.Stages.SelectMany(stage => stage.Steps.Where(PipelineStage.IsOurs).Select(step => $"{stage.Context.Name} {step.ServiceDescriptor.ServiceType.Name}"))
            .Except(_requests.SelectMany(request => request).Select(step => $"{step.Event}Context {step.Handler}")),
        Is.Empty);

    [Test]
    public void The_document_lists_for_each_endpoint_what_ran()
    {
        var path = Repository.PathOf(Document);
        var written = Write();
        if (Environment.GetEnvironmentVariable("UPDATE_PIPELINE") is { Length: > 0 })
        {
            File.WriteAllText(path, written);
        }

        Assert.That(File.Exists(path) ? File.ReadAllText(path).ReplaceLineEndings("\n") : "", Is.EqualTo(written), $"{Document} is out of date; it is written by\n  {Regenerate}");
    }

    private static IEnumerable<string> Stages => Pipeline.Stages.Select(stage => stage.Context.Name);

    // An event that is raised twice in a request begins anew where a handler comes again.
    private static IEnumerable<List<string>> RunsOf(IReadOnlyList<PipelineTrace.Step> request, string @event)
    {
        var run = new List<string>();
        foreach (var step in request.Where(step => step.Event == @event))
        {
            if (run.Contains(step.Handler))
            {
                yield return run;
                run = [];
            }

            run.Add(step.Handler);
        }

        yield return run;
    }

    private string Write()
    {
        var text = new StringBuilder($"""
            # The way of a request through OpenIddict and our rules

            Written from a server that answered: `{Regenerate}`. Every handler that ran, in
            the order in which it ended; **ours** in bold. Where an event is raised within another, the outer one goes on below it.
            `McpIdentity.Server/Pipeline.cs` says why ours stand where they do.

            """.ReplaceLineEndings("\n"));
        foreach (var (title, isIt) in new (string, Func<IReadOnlyList<PipelineTrace.Step>, bool>)[]
        {
            ("/oauth/authorize, allowed", request => Has(request, "ProcessSignIn") && Has(request, "ValidateAuthorizationRequest")),
            ("/oauth/authorize, refused by our endpoint", request => Has(request, "ProcessChallenge") && Has(request, "ValidateAuthorizationRequest")),
            ("/oauth/token, a code or refresh token", request => Has(request, "HandleTokenRequest") && Ran(request, "SpendGrantTokens") && Ran(request, "ReadGrantTokens")),
            ("/oauth/token, client credentials", request => Has(request, "HandleTokenRequest") && !Ran(request, "ReadGrantTokens")),
            ("/oauth/token, refused", request => Has(request, "ProcessError") && Has(request, "ValidateTokenRequest")),
            ("/oauth/userinfo", request => Has(request, "HandleUserInfoRequest")),
            ("/oauth/introspect", request => Has(request, "HandleIntrospectionRequest")),
            ("/oauth/revoke", request => Has(request, "HandleRevocationRequest")),
            ("/.well-known/oauth-authorization-server", request => Has(request, "HandleConfigurationRequest")),
        })
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {title}\n\n| event | handlers |\n|---|---|\n");
            string? current = null;
            foreach (var step in _requests.First(isIt))
            {
                text.Append(step.Event == current ? ", " : $"{(current is null ? "" : " |\n")}| {step.Event} | ").Append(step.IsOurs ? $"**{step.Handler}**" : step.Handler);
                current = step.Event;
            }

            text.Append(" |\n");
        }

        return text.ToString();

        static bool Has(IReadOnlyList<PipelineTrace.Step> request, string @event) => request.Any(step => step.Event == @event);
        static bool Ran(IReadOnlyList<PipelineTrace.Step> request, string handler) => request.Any(step => step.Handler == handler);
    }
}
