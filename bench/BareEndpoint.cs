using System.Globalization;
using System.Text;

namespace McpIdentity.Bench;

/// <summary>
/// The floor: Kestrel with nothing behind it, answering JSON of the metadata's size, and a form that it has read. What
/// the server costs more than this is ours.
/// </summary>
internal static class BareEndpoint
{
    private static readonly byte[] Form = Encoding.ASCII.GetBytes(
        "grant_type=refresh_token&client_id=0123456789012345678901234&refresh_token=" + new string('x', 900));

    public static async Task ServeAsync(string port, string size)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://localhost:{port}");
        await using var app = builder.Build();
        var body = Encoding.ASCII.GetBytes('"' + new string('x', int.Parse(size, CultureInfo.InvariantCulture) - 2) + '"');
        app.Run(async context =>
        {
            if (HttpMethods.IsPost(context.Request.Method))
            {
                await context.Request.ReadFormAsync();
            }

            context.Response.ContentType = "application/json";
            context.Response.ContentLength = body.Length;
            await context.Response.Body.WriteAsync(body);
        });
        await app.RunAsync();
    }

    public static async Task<RunningEndpoint> StartAsync(string folder, int port, int size)
    {
        string[] command = ["dotnet", typeof(BareEndpoint).Assembly.Location, "floor", port.ToString(CultureInfo.InvariantCulture), size.ToString(CultureInfo.InvariantCulture)];
        var process = ChildProcess.Start(folder, "floor", command);
        var endpoint = new RunningEndpoint(process, new Wire(new Uri($"http://localhost:{port}")));
        await process.WaitUntilAsync(() => endpoint.Wire.AnswersAsync("/"));
        return endpoint;
    }

    /// <summary>The same for each kind of request, ready to be measured; they share a process.</summary>
    public static async Task<IReadOnlyDictionary<BareRequest, Subject>> SubjectsAsync(RunningEndpoint endpoint)
    {
        var subjects = new Dictionary<BareRequest, Subject>();
        foreach (var (kind, request) in new (BareRequest, Func<Task>)[] { (BareRequest.Get, GetAsync), (BareRequest.Post, PostAsync), (BareRequest.Pair, PairAsync) })
        {
            subjects[kind] = new Subject("bare Kestrel", [endpoint.Wire], [endpoint.Tree]);
            await subjects[kind].PrepareAsync(_ => Task.FromResult(request));
        }

        return subjects;

        async Task GetAsync() => (await endpoint.Wire.GetAsync("/")).MustBe(200);

        async Task PostAsync() => (await endpoint.Wire.PostFormAsync("/", Form)).MustBe(200);

        async Task PairAsync()
        {
            await GetAsync();
            await PostAsync();
        }
    }
}

internal sealed record RunningEndpoint(ChildProcess Process, Wire Wire) : IAsyncDisposable
{
    public ProcessTree Tree => Process.Tree;

    public ValueTask DisposeAsync()
    {
        Wire.Dispose();
        return Process.DisposeAsync();
    }
}
