using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using Yarp.ReverseProxy.Forwarder;

namespace McpIdentity.Bench;

/// <summary>
/// A call of an MCP server behind this one beside the same call through a bare YARP, and straight at the server: what gate, policy
/// and log cost. Then streams that wait for news, opened through the gateway and held.
/// </summary>
internal static class Gateway
{
    private const int MostStreams = 10_000;
    private const int Discoveries = 2_000;

    private static readonly byte[] Call = """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ping","arguments":{}}}"""u8.ToArray();
    private static readonly byte[] Answer = """{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"pong"}]}}"""u8.ToArray();
    private static readonly (string, string)[] Headers = [("Accept", "application/json, text/event-stream"), ("MCP-Protocol-Version", "2025-11-25")];

    private const double Aim = 1.5;

    public static async Task<int> RunAsync(BenchOptions options, string folder)
    {
        await Cores.KeepLoadOffServerCoreAsync();
        return await MeasureAsync(options, options.Server ?? await ServerUnderTest.PublishAsync(folder), folder, holdsStreams: true);
    }

    /// <summary>The table of the calls, and of the streams when they are asked for.</summary>
    /// <returns>How many answers were wrong.</returns>
    public static async Task<int> MeasureAsync(BenchOptions options, string program, string folder, bool holdsStreams = false)
    {
        await using var upstream = await StartUpstreamAsync();
        var url = new Uri(upstream.Urls.First() + "/mcp");
        await using var server = await ServerUnderTest.StartAsync(
            program, Directory.CreateDirectory(Path.Combine(folder, "gateway")).FullName, Program.FreePort(), null, $"--Gateway:Servers:notes:Url={url}", "--Gateway:Servers:notes:MaxStreamsPerCaller=10000", "--Policy:Rules:0:Tools=other", "--Policy:Rules:0:Effect=deny", "--Policy:Rules:1:Effect=allow");
        await using var proxy = await StartYarpAsync(folder, url);
        using var wire = new Wire(server.Address);
        var client = await Client.RegisterServiceAsync(wire);
        var bearer = "Bearer " + (await client.TokenAsync(("grant_type", "client_credentials"), ("resource", new Uri(server.Address, "/mcp/notes").AbsoluteUri))).MustBe(200).Member("access_token");

        await using var straight = new Subject("straight at the server", [new Wire(url)], []);
        await using var yarp = new Subject("bare YARP", [new Wire(proxy.Wire.Server)], [proxy.Tree]);
        await using var gateway = new Subject("the gateway", [new Wire(server.Address)], [server.Tree]);
        await straight.PrepareAsync(to => CallAsync(to, "/mcp", null));
        await yarp.PrepareAsync(to => CallAsync(to, "/mcp", null));
        await gateway.PrepareAsync(to => CallAsync(to, "/mcp/notes", bearer));
        var series = await Series.MeasureAsync([straight, yarp, gateway], options.Duration);

        Console.WriteLine("\n| call of a server behind | CPU µs (× YARP) | p50 ms | p99 ms | errors | verdict |\n|---|---:|---:|---:|---:|---|");
        Row(straight, series[0], "-", "");
        Row(yarp, series[1], string.Create(CultureInfo.InvariantCulture, $"{series[1].CpuMicroseconds:N0}"), "");
        var ratio = series[2].Ratio(series[1]);
        Row(gateway, series[2], string.Create(CultureInfo.InvariantCulture, $"{series[2].CpuMicroseconds:N0} ({ratio:N2})"), Report.Within(ratio, Aim, "× YARP"));
        if (holdsStreams)
        {
            await HoldStreamsAsync(server, wire, bearer);
        }

        return series.Sum(one => one.Errors);

        static void Row(Subject subject, Series figures, string cost, string verdict) => Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"| {subject.Name} | {cost} | {figures.Median:N2} | {figures.P99:N2} | {figures.Errors} {figures.FirstError} | {verdict} |"));
    }

    /// <summary>YARP's forwarder with nothing before it, as a process of its own.</summary>
    public static async Task ServeYarpAsync(string port, string url)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://localhost:{port}");
        builder.Services.AddHttpForwarder();
        await using var app = builder.Build();
        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false, AutomaticDecompression = DecompressionMethods.None });
        var forwarder = app.Services.GetRequiredService<IHttpForwarder>();
        var prefix = new Uri(url).GetLeftPart(UriPartial.Authority);
        app.Run(async context => await forwarder.SendAsync(context, prefix, invoker));
        await app.RunAsync();
    }

    private static Task<Func<Task>> CallAsync(Wire wire, string path, string? bearer) => Task.FromResult<Func<Task>>(
        async () => (await wire.PostJsonAsync(path, Call, bearer, Headers)).MustBe(200).MustContain("\"text\":\"pong\""u8));

    private static async Task HoldStreamsAsync(ServerUnderTest server, Wire wire, string bearer)
    {
        var before = server.Tree.ResidentMiB();
        using var http = new HttpMessageInvoker(new SocketsHttpHandler { UseCookies = false, UseProxy = false });
        var held = new List<HttpResponseMessage>();
        var refused = 0;
        foreach (var some in Enumerable.Range(0, StreamsThatFit()).Chunk(50))
        {
            foreach (var answer in await Task.WhenAll(some.Select(_ => OpenAsync(http, new Uri(server.Address, "/mcp/notes"), bearer))))
            {
                held.Add(answer);
                refused += answer.StatusCode == HttpStatusCode.OK ? 0 : 1;
            }
        }

        var times = new List<TimeSpan>();
        for (var i = 0; i < Discoveries; i++)
        {
            var start = Stopwatch.GetTimestamp();
            (await wire.GetAsync(Operations.Metadata)).MustBe(200);
            times.Add(Stopwatch.GetElapsedTime(start));
        }

        times.Sort();
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"\n{held.Count - refused} streams held ({refused} refused): {before} → {server.Tree.ResidentMiB()} MiB; metadata p50 {times[times.Count / 2].TotalMilliseconds:F2} ms, p99 {times[times.Count * 99 / 100].TotalMilliseconds:F2} ms"));
        held.ForEach(answer => answer.Dispose());
    }

    // The server takes as many connections as three eighths of its descriptors; so has every process here.
    private static int StreamsThatFit()
    {
        var limit = File.ReadLines("/proc/self/limits").First(line => line.StartsWith("Max open files", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[4];
        return long.TryParse(limit, CultureInfo.InvariantCulture, out var descriptors) ? (int)Math.Min(MostStreams, (descriptors * 3 / 8) - 100) : MostStreams;
    }

    private static Task<HttpResponseMessage> OpenAsync(HttpMessageInvoker http, Uri url, string bearer) => http.SendAsync(
        new HttpRequestMessage(HttpMethod.Get, url) { Headers = { { "Authorization", bearer }, { "Accept", "text/event-stream" } } }, CancellationToken.None);

    // On the cores of the load: it is none of what is measured.
    private static async Task<WebApplication> StartUpstreamAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://localhost:{Program.FreePort()}");
        var app = builder.Build();
        app.Run(async context =>
        {
            if (HttpMethods.IsGet(context.Request.Method))
            {
                context.Response.ContentType = "text/event-stream";
                await context.Response.Body.WriteAsync(Encoding.ASCII.GetBytes(": here\n\n"));
                await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
                return;
            }

            await context.Request.Body.CopyToAsync(Stream.Null);
            context.Response.ContentType = "application/json";
            context.Response.ContentLength = Answer.Length;
            await context.Response.Body.WriteAsync(Answer);
        });
        await app.StartAsync();
        return app;
    }

    private static async Task<RunningEndpoint> StartYarpAsync(string folder, Uri url)
    {
        var port = Program.FreePort();
        var process = ChildProcess.Start(folder, "yarp", ["dotnet", typeof(Gateway).Assembly.Location, "yarp", port.ToString(CultureInfo.InvariantCulture), url.AbsoluteUri]);
        var endpoint = new RunningEndpoint(process, new Wire(new Uri($"http://localhost:{port}")));
        // A GET would be a stream.
        await process.WaitUntilAsync(async () =>
        {
            try
            {
                return (await endpoint.Wire.PostJsonAsync("/mcp", Call)).Status == 200;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });
        return endpoint;
    }
}
