namespace McpIdentity.Tests.Support;

/// <summary>One or two server processes over one database, under one public address: that of the first.</summary>
internal sealed class Nodes : IAsyncDisposable
{
    private readonly DirectoryInfo _folder;
    private readonly List<ServerProcess> _servers = [];

    private Nodes(DirectoryInfo folder) => _folder = folder;

    public IReadOnlyList<ServerProcess> Servers => _servers;

    public ServerProcess First => _servers[0];

    /// <param name="count">How many processes.</param>
    /// <param name="database">A connection string of PostgreSQL; null for a new SQLite file that all of them open.</param>
    /// <param name="settings"><c>Section:Key=value</c>, for all of them.</param>
    public static async Task<Nodes> StartAsync(int count, string? database, params string[] settings)
    {
        var nodes = new Nodes(Directory.CreateTempSubdirectory("mcpidentity-nodes-"));
        try
        {
            var ports = Enumerable.Range(0, count).Select(_ => Ports.Next()).ToList();
            foreach (var port in ports)
            {
                nodes._servers.Add(await ServerProcess.StartAsync(new ServerStart
                {
                    Folder = nodes._folder.FullName,
                    Port = port,
                    Environment = database is null
                        ? new Dictionary<string, string?>()
                        : new Dictionary<string, string?> { ["DATABASE_URL"] = PostgresServer.UrlOf(database) },
                    Arguments = [$"--Server:PublicBaseUrl=http://localhost:{ports[0]}", .. settings.Select(setting => "--" + setting)],
                }));
            }

            return nodes;
        }
        catch
        {
            await nodes.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }
}
