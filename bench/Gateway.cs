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

    public static async Task<int> RunAsync(BenchOptions options, string folder)
    {
        await Cores.KeepLoadOffServerCoreAsync();
        var program = options.Server ?? await ServerUnderTest.PublishAsync(folder);
        await using var upstream = await StartUpstreamAsync();
        var url = new Uri(upstream.Urls.First() + "/mcp");
        // The security log is on, as in Production: a line for every call.
        await using var server = await ServerUnderTest.StartAsync(
            program, folder, Program.FreePort(), null, $"--Gateway:Servers:notes:Url={url}", "--Gateway:Servers:notes:MaxStreamsPerCaller=10000", "--Mcp:SecurityLogging:Enabled=true", "--Policy:Rules:0:Tools=other", "--Policy:Rules:0:Effect=deny", "--Policy:Rules:1:Effect=allow");
        await using var yarp = await StartYarpAsync(folder, url);
        using var wire = new Wire(server.Address);
        using var straight = new Wire(url);

        var client = await Client.RegisterServiceAsync(wire);
        var bearer = "Bearer " + (await client.TokenAsync(("grant_type", "client_credentials"), ("resource", new Uri(server.Address, "/mcp/notes").AbsoluteUri))).MustBe(200).Member("access_token");
        Console.Out.WriteLine("| call | server CPU µs | × YARP | p50 ms | p99 ms | errors |\n|---|---:|---:|---:|---:|---:|");
        var direct = await MeasureAsync(straight, "/mcp", null, [], options.Duration);
        var bare = await MeasureAsync(yarp.Wire, "/mcp", null, [yarp.Tree], options.Duration);
        var fronted = await MeasureAsync(wire, "/mcp/notes", bearer, [server.Tree], options.Duration);
        Row("straight at the server", direct, null);
        Row("bare YARP", bare, bare);
        Row("the gateway", fronted, bare);

        await HoldStreamsAsync(server, wire, bearer);
        return fronted.Errors + bare.Errors == 0 ? 0 : 1;

        static void Row(string name, Figures figures, Figures? bare) => Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {name} | {(bare is null ? "-" : $"{figures.CpuMicroseconds:F0}")} | {(bare is null ? "-" : $"{figures.CpuMicroseconds / bare.CpuMicroseconds:F2}")} | {figures.Median.TotalMilliseconds:F2} | {figures.P99.TotalMilliseconds:F2} | {figures.Errors} {figures.FirstError} |"));
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

    private static async Task<Figures> MeasureAsync(Wire wire, string path, string? bearer, IReadOnlyList<ProcessTree> trees, TimeSpan duration)
    {
        var lanes = Enumerable.Repeat<Func<Task>>(async () => (await wire.PostJsonAsync(path, Call, bearer, Headers)).MustBe(200).MustContain("\"text\":\"pong\""u8), Load.Connections).ToList();
        await Load.WarmUpAsync(lanes, trees);
        return await Load.MeasureAsync(lanes, trees, duration);
    }

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
