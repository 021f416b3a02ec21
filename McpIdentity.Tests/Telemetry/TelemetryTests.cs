using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using McpIdentity.Tests.Gateway;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;
using YamlDotNet.RepresentationModel;

namespace McpIdentity.Tests.Telemetry;

/// <summary>What a server sends to a collector (docs/telemetry.md): one real server that is acted upon, and what arrives.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed partial class TelemetryTests
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";

    private readonly int _prometheus = Ports.Next();
    private StandInCollector _collector = null!;
    private Upstream _upstream = null!;
    private ServerProcess _server = null!;
    private TemporaryFolder _folder = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _folder = new TemporaryFolder();
        _collector = await StandInCollector.StartAsync();
        _upstream = await Upstream.StartAsync(context => context.Response.WriteAsJsonAsync(new { jsonrpc = "2.0", id = 7, result = new { content = Array.Empty<object>() } }));
        var headers = _folder.File("headers");
        await File.WriteAllTextAsync(headers, "x-api-key=marker-collector-key");
        _server = await ServerProcess.StartAsync(new ServerStart
        {
            Environment = _collector.Environment(("OTEL_EXPORTER_OTLP_HEADERS_FILE", headers), ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")),
            Arguments = [.. GatewayScene.Open(_upstream.Url, "Policy:Rules:0:Tools=open_*", "Gateway:CatalogueRefresh=600", "Telemetry:Prometheus=true", $"Telemetry:PrometheusAddress=http://localhost:{_prometheus}", "Mcp:RateLimiting:Enabled=true", "Mcp:RateLimiting:RegistrationMaxRequests=3").Select(setting => "--" + setting)],
        });
        await ActAsync();
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _upstream.DisposeAsync();
        await _collector.DisposeAsync();
        _folder.Dispose();
    }

    private static readonly object[] Counters =
    [
        new object[] { "mcpidentity.tokens.issued", "{token}", "grant_type=authorization_code result=success" },
        new object[] { "mcpidentity.tokens.issued", "{token}", "grant_type=refresh_token result=success" },
        new object[] { "mcpidentity.tokens.issued", "{token}", "grant_type=refresh_token result=failure" },
        new object[] { "mcpidentity.tokens.issued", "{token}", "grant_type=other result=failure" },
        new object[] { "mcpidentity.refusals", "{refusal}", "event=token_refused reason=invalid_grant" },
        new object[] { "mcpidentity.refusals", "{refusal}", "event=client_authentication_failed reason=invalid_client" },
        new object[] { "mcpidentity.refusals", "{refusal}", "event=registration_refused reason=invalid_redirect_uri" },
        new object[] { "mcpidentity.refusals", "{refusal}", "event=mcp_call reason=invalid_token" },
        new object[] { "mcpidentity.sign_ins", "{sign_in}", "provider=demo result=success" },
        new object[] { "mcpidentity.consents", "{consent}", "decision=granted" },
        new object[] { "mcpidentity.consents", "{consent}", "decision=denied" },
        new object[] { "mcpidentity.registrations", "{registration}", "result=success" },
        new object[] { "mcpidentity.registrations", "{registration}", "result=failure" },
        new object[] { "mcpidentity.mcp.calls", "{call}", "server=own decision=allowed" },
        new object[] { "mcpidentity.mcp.calls", "{call}", "server=own decision=invalid_token" },
        new object[] { "mcpidentity.mcp.calls", "{call}", "server=notes decision=allowed" },
        new object[] { "mcpidentity.mcp.calls", "{call}", "server=notes decision=policy_denied" },
        new object[] { "mcpidentity.rate_limited", "{request}", "limit=register" },
        new object[] { "mcpidentity.gateway.call.duration", "s", "server=notes result=answered" },
        new object[] { "http.server.request.duration", "s", "http.route=/oauth/token" },
    ];

    [TestCaseSource(nameof(Counters))]
    public async Task What_was_done_is_counted(string metric, string unit, string tags)
    {
        (string, string)[] wanted = [.. tags.Split(' ').Select(tag => (tag.Split('=')[0], tag.Split('=')[1]))];

        await Until.TrueAsync(() => _collector.Latest(metric, wanted) > 0, $"{metric} {tags}; there are {string.Join(", ", _collector.Points.Where(point => point.Metric == metric).Select(point => string.Join(' ', point.Tags)).Distinct())}");
        Assert.That(_collector.Points.First(point => point.Metric == metric).Unit, Is.EqualTo(unit));
    }

    [TestCase("mcpidentity.security_log.queue", "{event}", 0, 0), TestCase("mcpidentity.database.writer.queue", "{statement}", 0, 100), TestCase("mcpidentity.log.queue", "{entry}", 0, 4096)]
    [TestCase("mcpidentity.revocations", "{revocation}", 1, 10), TestCase("mcpidentity.key.age", "s", 0, 3600), TestCase("mcpidentity.key.rotation", "s", 89 * 86400, 90 * 86400)]
    public async Task What_there_is_is_measured(string metric, string unit, double least, double most)
    {
        await Until.TrueAsync(() => _collector.Latest(metric) is { } value && value >= least && value <= most, $"{metric} is {_collector.Latest(metric)}");
        Assert.That(_collector.Points.First(point => point.Metric == metric).Unit, Is.EqualTo(unit));
    }

    [Test]
    public async Task Signing_keys_are_counted_by_state()
    {
        await Until.TrueAsync(() => _collector.Latest("mcpidentity.keys", ("state", "current")) == 1, "one key signs");
        Assert.That((_collector.Latest("mcpidentity.keys", ("state", "next")), _collector.Latest("mcpidentity.keys", ("state", "previous"))), Is.EqualTo((0, 0)));
    }

    // W3C Trace Context §3.2: the same trace id from the caller through us to the server behind us, each with a part of its own.
    [Test]
    public async Task A_call_through_the_gateway_is_one_trace()
    {
        var sent = _upstream.Requests.Select(request => request.GetValueOrDefault("traceparent") ?? "").First(parent => parent.Contains(Trace, StringComparison.Ordinal));
        await Until.TrueAsync(() => _collector.Spans.Count(span => span.TraceId == Trace && span.Name is "MCP upstream" or "POST /mcp/{server}" or "POST /mcp/notes") > 1, "both spans: " + Names());

        var spans = _collector.Spans.Where(span => span.TraceId == Trace).ToList();
        var upstream = spans.Single(span => span.Name == "MCP upstream");
        var request = spans.Single(span => span.SpanId == upstream.ParentId);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(request.ParentId, Is.EqualTo("00f067aa0ba902b7"), "the caller's span");
            Assert.That(sent, Is.EqualTo($"00-{Trace}-{upstream.SpanId}-01"));
            Assert.That((request.Tags["mcpidentity.server"], request.Tags["mcpidentity.decision"], request.Tags["mcpidentity.rule"]), Is.EqualTo(("notes", "allowed", "Policy:Rules:0")));
            Assert.That((request.Resource["service.name"], request.Resource["deployment.environment.name"]), Is.EqualTo(("mcpidentity", "test")));
            Assert.That(_upstream.Requests.SelectMany(headers => headers.Keys), Has.None.EqualTo("baggage").IgnoreCase);
        }
    }

    [Test]
    public async Task A_span_says_what_was_decided_in_it_and_is_named_by_its_route()
    {
        await Until.TrueAsync(() => _collector.Spans.Any(span => span.Name == "POST /oauth/token" && span.Events.Any(happened => happened.Name == "token_issued")), "a token request: " + Names());
        var refused = _collector.Spans.First(span => span.Name == "POST /oauth/token" && span.Events.Any(happened => happened.Name == "token_refused"));

        Assert.That(refused.Events.Single(happened => happened.Name == "token_refused").Tags["reason"], Is.EqualTo("invalid_grant").Or.EqualTo("unsupported_grant_type"));
        Assert.That(_collector.Spans.Where(span => span.Kind == 2).Select(span => span.Name), Has.None.Contains("marker").And.None.Contains("/health"));
    }

    [Test]
    public async Task The_log_arrives_with_the_trace_that_a_line_belongs_to()
    {
        await Until.TrueAsync(() => _collector.Records.Any(record => record.Category == "McpIdentity.Server.Gateway.GatewayLog" && record.TraceId == Trace), "the decision about the call");

        Assert.That(_collector.Records.Select(record => record.Body), Has.Some.Contain("The MCP endpoint is"));
    }

    [Test]
    public async Task The_collector_is_shown_what_the_file_holds()
    {
        await Until.TrueAsync(() => _collector.Paths.Count == 3, "all three signals");

        Assert.That(_collector.Requests.Select(headers => headers.GetValueOrDefault("x-api-key")), Is.All.EqualTo("marker-collector-key"));
    }

    [Test]
    public async Task Prometheus_fetches_the_metrics_from_a_port_of_their_own()
    {
        var metrics = await MetricsAsync();
        using var onOwnPort = await _server.Http.GetAsync("/metrics");

        Assert.That(onOwnPort.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That(metrics, Does.Contain("mcpidentity_tokens_issued_total{").And.Contain("grant_type=\"refresh_token\""));
    }

    [TestCase("grafana-dashboard.json"), TestCase("prometheus-alerts.yml")]
    public async Task Each_metric_that_the_file_asks_for_exists(string file)
    {
        var named = MetricName().Matches(await File.ReadAllTextAsync(Repository.PathOf("deploy", file))).Select(match => match.Value).Distinct().ToList();
        Assert.That(named, Has.Count.GreaterThan(8));

        var metrics = "";
        // The servers behind this one are asked a while after the start.
        await Until.TrueAsync(async () => (metrics = await MetricsAsync()).Contains("mcpidentity_gateway_server_up{", StringComparison.Ordinal), "the server behind this one was asked");
        Assert.That(Missing(metrics), Is.Empty);

        IEnumerable<string> Missing(string metrics) => named.Where(name => !Regex.IsMatch(metrics, $@"^{name}[ {{]", RegexOptions.Multiline));
    }

    [Test]
    public void The_dashboard_and_the_alerts_can_be_read()
    {
        var dashboard = JsonDocument.Parse(File.ReadAllText(Repository.PathOf("deploy", "grafana-dashboard.json"))).RootElement;
        var panels = dashboard.GetProperty("panels").EnumerateArray().ToList();
        var yaml = new YamlStream();
        yaml.Load(new StringReader(File.ReadAllText(Repository.PathOf("deploy", "prometheus-alerts.yml"))));
        var alerts = ((YamlSequenceNode)yaml.Documents[0].RootNode["groups"]).SelectMany(group => (YamlSequenceNode)group["rules"]).ToList();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(panels.Select(panel => panel.GetProperty("id").GetInt32()), Is.Unique);
            Assert.That(panels.Where(panel => panel.Text("type") != "row"), Is.All.Matches<JsonElement>(panel => panel.GetProperty("targets").EnumerateArray().All(target => target.Text("expr")!.Length > 0)));
            Assert.That(alerts.Select(alert => alert["alert"].ToString()), Is.Not.Empty.And.Unique);
            Assert.That(alerts.Select(alert => (alert["expr"].ToString().Length > 0, alert["annotations"]["summary"].ToString().Length > 0, alert["annotations"]["description"].ToString().Length > 0)), Is.All.EqualTo((true, true, true)));
        }
    }

    private async Task<string> MetricsAsync()
    {
        using var http = new HttpClient();
        return await http.GetStringAsync($"http://localhost:{_prometheus}/metrics");
    }

    [GeneratedRegex(@"\b(mcpidentity|http_server|kestrel|dotnet)_[a-z_]+[a-z]\b")]
    private static partial Regex MetricName();

    private string Names() => string.Join(", ", _collector.Spans.Select(span => span.Name).Distinct());

    private async Task ActAsync()
    {
        var http = _server.Http;
        var client = await OAuthClient.RegisterPublicAsync(http);
        using (var alice = new Person(_server.BaseUrl))
        {
            var own = await client.ConnectAsync(alice);
            await new McpCaller(http).CallToolAsync("whoami", own.Text("access_token"));
            await new McpCaller(http).CallToolAsync("whoami", "marker-bad-token");
            using var refreshed = await client.RefreshAsync(own.Text("refresh_token")!);
            using var refused = await client.RefreshAsync("marker-not-a-refresh-token");
            using var unknown = await client.TokenAsync(("grant_type", "marker-grant"));
            using var revoked = await client.PostAsync("/oauth/revoke", ("token", (await refreshed.JsonAsync()).Text("refresh_token")));
            var notes = await client.ConnectAsync(alice, ("resource", $"{_server.BaseUrl}/mcp/notes"), ("scope", "mcp mcp:call"));
            await CallAsync("open_door", notes.Text("access_token")!, "traceparent", $"00-{Trace}-00f067aa0ba902b7-01");
            await CallAsync("closed_door", notes.Text("access_token")!, "traceparent", "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        }

        using (var bob = new Person(_server.BaseUrl, "bob") { Decision = "deny" })
        {
            await bob.LeaveAsync(client.AuthorizeUrl());
        }

        using var stranger = await http.PostAsync("/oauth/token", new FormUrlEncodedContent(new Dictionary<string, string> { ["grant_type"] = "authorization_code", ["client_id"] = "marker-nobody", ["code"] = "marker-code", ["redirect_uri"] = OAuthClient.DefaultRedirectUri, ["code_verifier"] = client.Verifier }));
        for (var i = 0; i < 4; i++)
        {
            using var wrong = await http.PostAsync("/register", new StringContent("""{"redirect_uris":["http://client.example/callback"]}""", Encoding.UTF8, "application/json"));
        }

        using var health = await http.GetAsync("/health");
        using var marked = await http.GetAsync("/marker-path?marker-name=marker-value");
        Assert.That(health.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    private async Task CallAsync(string tool, string token, string header, string value)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp/notes")
        {
            Content = new StringContent($$"""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"{{tool}}","arguments":{} } }""", Encoding.UTF8, "application/json"),
            Headers = { Authorization = new AuthenticationHeaderValue("Bearer", token) },
        };
        request.Headers.Add(header, value);
        request.Headers.Add("baggage", "secret=marker-baggage");
        using var response = await _server.Http.SendAsync(request);
    }
}
