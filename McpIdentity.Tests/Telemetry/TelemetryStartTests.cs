using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using McpIdentity.Server.Telemetry;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.Configuration;

namespace McpIdentity.Tests.Telemetry;

/// <summary>Whether telemetry is sent at all, by OpenTelemetry's own names, and that it costs nothing where it is not (docs/telemetry.md).</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class TelemetryStartTests
{
    [Test]
    public async Task What_no_setting_asks_for_is_not_loaded_OpenTelemetry_Npgsql_and_the_client_of_Redis()
    {
        await using var server = await ServerProcess.StartAsync(new ServerStart { Environment = new Dictionary<string, string?> { ["OTEL_SERVICE_NAME"] = "quiet" } });
        await OAuthClient.RegisterPublicAsync(server.Http);

        var loaded = await server.LoadedAsync();
        Assert.That(loaded, Has.None.StartsWith("OpenTelemetry"));
        Assert.That(loaded, Has.No.Member("Npgsql.dll").And.No.Member("StackExchange.Redis.dll"));
        Assert.That(await VersionOfReferenceAsync(server), Is.EqualTo(7), "by the time, for the audit's index (RFC 9562 §5.7)");
    }

    // The collector takes connections and never answers: the worst that one can do.
    [Test]
    public async Task A_collector_that_hangs_holds_up_neither_a_request_nor_the_end()
    {
        using var hanging = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        hanging.Start();
        await using var server = await ServerProcess.StartAsync(new ServerStart
        {
            Environment = new Dictionary<string, string?>
            {
                ["OTEL_EXPORTER_OTLP_ENDPOINT"] = $"http://127.0.0.1:{((IPEndPoint)hanging.LocalEndpoint).Port}",
                ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
                ["OTEL_BSP_SCHEDULE_DELAY"] = "50",
                ["OTEL_METRIC_EXPORT_INTERVAL"] = "50",
            },
        });
        using var alice = new Person(server.BaseUrl);
        var client = await OAuthClient.RegisterPublicAsync(server.Http);
        await client.ConnectAsync(alice);
        using var health = await server.Http.GetAsync("/health/ready");
        Assert.That(await server.LoadedAsync(), Has.Some.EqualTo("OpenTelemetry.dll"));
        Assert.That(await VersionOfReferenceAsync(server) == 7 && await VersionOfReferenceAsync(server) == 7 && await VersionOfReferenceAsync(server) == 7, Is.False, "random, for sampling by a ratio");

        var started = Stopwatch.GetTimestamp();
        Assert.That((health.StatusCode, await server.StopAsync()), Is.EqualTo((HttpStatusCode.OK, 0)));
        Assert.That(Stopwatch.GetElapsedTime(started), Is.LessThan(TimeSpan.FromSeconds(9)), "container engines wait ten seconds");
    }

    [Test]
    public async Task The_names_are_read_from_the_file_too_and_each_signal_may_be_switched_off_or_go_elsewhere()
    {
        using var folder = new TemporaryFolder();
        await using var collector = await StandInCollector.StartAsync();
        var names = collector.Environment(("OTEL_TRACES_EXPORTER", "none"), ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", collector.Url + "/elsewhere/metrics"), ("OTEL_SERVICE_NAME", "of-the-file"));
        var file = folder.File(".env.oauth");
        await File.WriteAllLinesAsync(file, names.Select(name => $"{name.Key}={name.Value}"));
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);

        await using var server = await ServerProcess.StartAsync(new ServerStart { Folder = folder.Path });
        using var registered = await server.Http.GetAsync("/health/live");

        await Until.TrueAsync(() => collector.Paths.Contains("/elsewhere/metrics") && collector.Paths.Contains("/v1/logs"), "both arrive: " + string.Join(", ", collector.Paths));
        Assert.That(collector.Paths, Has.No.Member("/v1/traces").And.No.Member("/v1/metrics"));
        Assert.That(collector.Everything, Does.Contain("of-the-file"));
        Assert.That(server.Output, Does.Not.Contain("which nothing reads"));
    }

    [TestCase("OTEL_EXPORTER_OTLP_ENDPOINT=collector:4317", "OTEL_EXPORTER_OTLP_ENDPOINT is no http or https URL")]
    [TestCase("OTEL_EXPORTER_OTLP_PROTOCOL=http/json", "OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json'; allowed: grpc, http/protobuf.")]
    [TestCase("OTEL_TRACES_EXPORTER=console", "OTEL_TRACES_EXPORTER is 'console'; allowed: otlp, none.")]
    [TestCase("Telemetry:Prometheus=true Telemetry:PrometheusAddress=https://localhost:9464", "Telemetry:PrometheusAddress is 'https://localhost:9464', which is https")]
    [TestCase("Telemetry:Prometheus=true Telemetry:PrometheusAddress=9464", "Telemetry:PrometheusAddress is '9464', which")]
    public async Task What_cannot_work_stops_the_start_and_says_so(string settings, string message)
    {
        var problem = await Assert.ThrowsAsync<ConfigurationProblems.InvalidConfigurationException>(() => TestServer.StartAsync(settings.Split(' ')));

        Assert.That(problem!.Message, Does.Contain(message));
    }

    [TestCase("", false), TestCase("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317", true), TestCase("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://c:4317", true)]
    [TestCase("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317 OTEL_SDK_DISABLED=true", false), TestCase("Telemetry:Prometheus=true OTEL_SDK_DISABLED=TRUE", false), TestCase("Telemetry:Prometheus=true", true)]
    [TestCase("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c:4317 OTEL_TRACES_EXPORTER=none", false)]
    public void Something_is_sent_where_an_endpoint_says_so(string settings, bool isAny)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(setting => setting.Split('=', 2)).Select(pair => KeyValuePair.Create(pair[0], (string?)pair[1]))).Build();

        Assert.That(WantedTelemetry.In(configuration).IsAny, Is.EqualTo(isAny));
    }

    private static async Task<int> VersionOfReferenceAsync(ServerProcess server)
    {
        using var refused = await server.Http.GetAsync(Paths.AdminApi + "/nothing");
        return Guid.ParseExact((await refused.Content.ReadFromJsonAsync<JsonElement>()).Text("reference")!, "N").Version;
    }
}
