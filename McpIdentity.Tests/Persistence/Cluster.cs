using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Persistence;

/// <summary>Two servers on one PostgreSQL and one Redis behind nginx, which sends each request to the other of the two.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mcpidentity-cluster-");
    private readonly int[] _ports = [Ports.Next(), Ports.Next()];
    private readonly ServerProcess?[] _nodes = new ServerProcess?[2];
    private NginxServer _proxy = null!;
    private string[] _settings = [];

    public string BaseUrl => _proxy.BaseUrl;

    public string McpUrl => BaseUrl + "/mcp";

    /// <summary>Through the proxy.</summary>
    public HttpClient Http { get; private set; } = null!;

    public static Task<Cluster> StartAsync(params string[] settings) => StartBehindAsync("", settings);

    /// <param name="besideLocation">Lines of the proxy beside its location of everything.</param>
    /// <param name="settings"><c>Section:Key=value</c>, for both.</param>
    public static async Task<Cluster> StartBehindAsync(string besideLocation, params string[] settings)
    {
        var cluster = new Cluster();
        try
        {
            var (postgres, redis) = (await PostgresServer.SharedAsync(), await RedisServer.SharedAsync());
            cluster._proxy = await NginxServer.StartAsync([.. cluster._ports.Select(port => $"http://localhost:{port}")], besideLocation: besideLocation);
            cluster.Http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = new Uri(cluster.BaseUrl) };
            cluster._settings =
            [
                $"--Database:Url={PostgresServer.UrlOf(await postgres.CreateDatabaseAsync())}",
                $"--Server:PublicBaseUrl={cluster.BaseUrl}",
                "--OAuth:EncryptionKey=a test key of more than thirty-two characters",
                "--OAuth:SessionStorage:Type=Redis",
                "--OAuth:SessionStorage:Redis:Host=127.0.0.1",
                $"--OAuth:SessionStorage:Redis:Port={redis.Port}",
                $"--OAuth:SessionStorage:Redis:KeyPrefix={cluster._folder.Name}:",
                .. settings.Select(setting => "--" + setting),
            ];
            // Both at once on an empty database: one migrates, one makes the first key.
            cluster.Launch(0);
            cluster.Launch(1);
            await Task.WhenAll(cluster._nodes.Select(node => node!.WaitUntilReadyAsync()));
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    public ServerProcess Node(int index) => _nodes[index] ?? throw new InvalidOperationException("The node was killed.");

    /// <summary>SIGKILL, whatever the node is doing.</summary>
    public async Task CrashAsync(int index)
    {
        await Node(index).DisposeAsync();
        _nodes[index] = null;
    }

    /// <summary>SIGKILL between requests: the next one, whatever its method, reaches the other node.</summary>
    public async Task KillAsync(int index)
    {
        await CrashAsync(index);
        // Idempotent requests, which the proxy repeats, find the dead connections before a POST does.
        for (var i = 0; i < 4; i++)
        {
            using var response = await Http.GetAsync("/.well-known/oauth-authorization-server");
            Assert.That(response.IsSuccessStatusCode, Is.True, "the other node answers");
        }
    }

    public Task StartAgainAsync(int index)
    {
        Launch(index);
        return Node(index).WaitUntilReadyAsync();
    }

    public async Task<string> RunAsync(params string[] verb)
    {
        var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Folder = _folder.FullName, Arguments = [.. verb, .. _settings] });
        Assert.That(exitCode, Is.Zero, output);
        return output;
    }

    public async ValueTask DisposeAsync()
    {
        Http?.Dispose();
        foreach (var node in _nodes)
        {
            if (node is not null)
            {
                await node.DisposeAsync();
            }
        }

        if (_proxy is not null)
        {
            await _proxy.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }

    private void Launch(int index) =>
        _nodes[index] = ServerProcess.Launch(new ServerStart { Folder = _folder.FullName, Port = _ports[index], Arguments = _settings });
}
