using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace McpIdentity.Tests.Support;

/// <summary>A collector of OpenTelemetry on loopback: takes OTLP over HTTP as Protocol Buffers, and remembers what it was sent.</summary>
internal sealed class StandInCollector : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<(string Path, byte[] Body)> _received = [];

    private StandInCollector(WebApplication app) => _app = app;

    public string Url => _app.Urls.First();

    /// <summary>The headers of every request.</summary>
    public ConcurrentQueue<IReadOnlyDictionary<string, string>> Requests { get; } = [];

    /// <summary>All that came, as text: what is a string in it stands there as it is.</summary>
    public string Everything => string.Join('\n', _received.Select(received => Encoding.UTF8.GetString(received.Body)));

    public IReadOnlyCollection<string> Paths => [.. _received.Select(received => received.Path).Distinct()];

    public IReadOnlyList<Span> Spans => [.. Of("/v1/traces").SelectMany(request => request.Messages(1)).SelectMany(of => of.Messages(2).SelectMany(scope => scope.Messages(2).Select(span =>
        new Span(scope.Message(1)!.Text(1), span.Hex(1), span.Hex(2), span.Hex(4), span.Text(5), (int)span.Number(6), Tags(span, 9), [.. span.Messages(11).Select(e => (e.Text(2), Tags(e, 3)))], Tags(of.Message(1)!, 1)))))];

    public IReadOnlyList<Point> Points => [.. Of("/v1/metrics").SelectMany(request => request.Messages(1)).SelectMany(of => of.Messages(2).SelectMany(scope => scope.Messages(2).SelectMany(metric =>
        metric.Messages(5).Concat(metric.Messages(7)).SelectMany(data => data.Messages(1)).Select(point => new Point(scope.Message(1)!.Text(1), metric.Text(1), metric.Text(3), Tags(point, 7), point.Has(4) ? point.Double(4) : (long)point.Number(6)))
            .Concat(metric.Messages(9).SelectMany(data => data.Messages(1)).Select(point => new Point(scope.Message(1)!.Text(1), metric.Text(1), metric.Text(3), Tags(point, 9), point.Number(4)))))))];

    public IReadOnlyList<Record> Records => [.. Of("/v1/logs").SelectMany(request => request.Messages(1)).SelectMany(of => of.Messages(2).SelectMany(scope => scope.Messages(2).Select(record =>
        new Record(scope.Message(1)?.Text(1) ?? "", record.Text(3), record.Message(5)?.Text(1) ?? "", record.Hex(9), Tags(record, 6)))))];

    public static async Task<StandInCollector> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls($"http://127.0.0.1:{Ports.Next()}");
        var collector = new StandInCollector(builder.Build());
        collector._app.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            collector.Requests.Enqueue(context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase));
            collector._received.Enqueue((context.Request.Path, body.ToArray()));
        });
        await collector._app.StartAsync();
        return collector;
    }

    /// <summary>What the environment of a server says that sends everything here, and soon.</summary>
    public Dictionary<string, string?> Environment(params (string Name, string? Value)[] more)
    {
        var environment = new Dictionary<string, string?>
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = Url,
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_BSP_SCHEDULE_DELAY"] = "50",
            ["OTEL_BLRP_SCHEDULE_DELAY"] = "50",
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "200",
        };
        foreach (var (name, value) in more)
        {
            environment[name] = value;
        }

        return environment;
    }

    /// <summary>The latest value of one series; tags that are not named may be anything.</summary>
    public double? Latest(string metric, params (string Name, string Value)[] tags) =>
        Points.LastOrDefault(point => point.Metric == metric && tags.All(tag => point.Tags.GetValueOrDefault(tag.Name) == tag.Value))?.Value;

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private IEnumerable<Protobuf> Of(string path) => _received.Where(received => received.Path == path).Select(received => new Protobuf(received.Body));

    private static Dictionary<string, string> Tags(Protobuf message, int field)
    {
        var tags = new Dictionary<string, string>();
        foreach (var pair in message.Messages(field))
        {
            var value = pair.Message(2);
            tags[pair.Text(1)] = value switch
            {
                null => "",
                _ when value.Has(1) => value.Text(1),
                _ when value.Has(4) => value.Double(4).ToString(CultureInfo.InvariantCulture),
                _ when value.Has(2) => value.Number(2) != 0 ? "true" : "false",
                _ => ((long)value.Number(3)).ToString(CultureInfo.InvariantCulture),
            };
        }

        return tags;
    }

    internal sealed record Span(
        string Source, string TraceId, string SpanId, string ParentId, string Name, int Kind, IReadOnlyDictionary<string, string> Tags, IReadOnlyList<(string Name, Dictionary<string, string> Tags)> Events, IReadOnlyDictionary<string, string> Resource);

    internal sealed record Point(string Meter, string Metric, string Unit, IReadOnlyDictionary<string, string> Tags, double Value);

    internal sealed record Record(string Category, string Severity, string Body, string TraceId, IReadOnlyDictionary<string, string> Tags);
}
