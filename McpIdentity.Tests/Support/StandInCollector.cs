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
    private readonly ConcurrentDictionary<string, Point> _points = [];

    private StandInCollector(WebApplication app) => _app = app;

    public string Url => _app.Urls.First();

    /// <summary>The headers of every request.</summary>
    public ConcurrentQueue<IReadOnlyDictionary<string, string>> Requests { get; } = [];

    /// <summary>All that came, as text: what is a string in it stands there as it is.</summary>
    public string Everything => string.Join('\n', _received.Select(received => Encoding.UTF8.GetString(received.Body)));

    public IReadOnlyCollection<string> Paths => [.. _received.Select(received => received.Path).Distinct()];

    public ConcurrentQueue<Span> Spans { get; } = [];

    /// <summary>Of each series of each metric what came last.</summary>
    public IReadOnlyList<Point> Points => [.. _points.Values];

    public ConcurrentQueue<Record> Records { get; } = [];

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
            collector.Take(context.Request.Path, body.ToArray());
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
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "500",
        };
        foreach (var (name, value) in more)
        {
            environment[name] = value;
        }

        return environment;
    }

    /// <summary>The highest value of the series that have these tags, as it is now; other tags may be anything.</summary>
    public double? Latest(string metric, params (string Name, string Value)[] tags) =>
        _points.Values.Where(point => point.Metric == metric && tags.All(tag => point.Tags.GetValueOrDefault(tag.Name) == tag.Value)).Max(point => (double?)point.Value);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    // Each message is read once, when it comes: many tests ask for what it said, over and over.
    private void Take(string path, byte[] body)
    {
        foreach (var of in new Protobuf(body).Messages(1))
        {
            foreach (var scope in of.Messages(2))
            {
                var items = scope.Messages(2);
                switch (path)
                {
                    case "/v1/traces":
                        foreach (var span in items)
                        {
                            Spans.Enqueue(new Span(scope.Message(1)!.Text(1), span.Hex(1), span.Hex(2), span.Hex(4), span.Text(5), (int)span.Number(6), Tags(span, 9), [.. span.Messages(11).Select(e => (e.Text(2), Tags(e, 3)))], Tags(of.Message(1)!, 1)));
                        }

                        break;
                    case "/v1/metrics":
                        foreach (var point in items.SelectMany(metric => PointsOf(scope.Message(1)!.Text(1), metric)))
                        {
                            _points[$"{point.Meter} {point.Metric} {string.Join(' ', point.Tags.OrderBy(tag => tag.Key, StringComparer.Ordinal))}"] = point;
                        }

                        break;
                    case "/v1/logs":
                        foreach (var record in items)
                        {
                            Records.Enqueue(new Record(scope.Message(1)?.Text(1) ?? "", record.Text(3), record.Message(5)?.Text(1) ?? "", record.Hex(9), Tags(record, 6)));
                        }

                        break;
                }
            }
        }

        _received.Enqueue((path, body));
    }

    // A gauge or a sum, and a histogram.
    private static IEnumerable<Point> PointsOf(string meter, Protobuf metric) =>
        metric.Messages(5).Concat(metric.Messages(7)).SelectMany(data => data.Messages(1)).Select(point => new Point(meter, metric.Text(1), metric.Text(3), Tags(point, 7), point.Has(4) ? point.Double(4) : (long)point.Number(6)))
            .Concat(metric.Messages(9).SelectMany(data => data.Messages(1)).Select(point => new Point(meter, metric.Text(1), metric.Text(3), Tags(point, 9), point.Number(4))));

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
