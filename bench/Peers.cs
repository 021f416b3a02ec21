using System.Globalization;

namespace McpIdentity.Bench;

/// <summary>
/// oidc-provider, the authorization server of Node.js, asked for the same: with what it keeps in memory, and with Redis, whose CPU
/// counts as our database's does. Its packages are installed on the first run, by the lock file beside its program.
/// </summary>
internal static class Peers
{
    public static async Task<IReadOnlyList<Subject>> StartAsync(string folder, Subject now)
    {
        var home = Path.Combine(ServerUnderTest.RepositoryRoot(), "bench", "peers");
        if (!Directory.Exists(Path.Combine(home, "node_modules")))
        {
            Console.Error.WriteLine("installing oidc-provider");
            await ChildProcess.RunInAsync(home, "npm", "ci", "--ignore-scripts");
        }

        var port = Program.FreePort().ToString(CultureInfo.InvariantCulture);
        // Durable to the second, as an operator sets it up who does not want to lose what was granted.
        var redis = ChildProcess.Start(folder, "redis", "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--dir", folder);
        return
        [
            await StartAsync("oidc-provider in memory", folder, home, now, store: null),
            await StartAsync("oidc-provider with Redis", folder, home, now, redis, $"redis://127.0.0.1:{port}"),
        ];
    }

    private static async Task<Subject> StartAsync(string name, string folder, string home, Subject now, ChildProcess? store, params string[] arguments)
    {
        Console.Error.WriteLine($"starting {name}");
        var address = new Uri($"http://localhost:{Program.FreePort()}");
        var process = ChildProcess.Start(folder, name.Replace(' ', '-'), ["env", "NODE_ENV=production", "node", Path.Combine(home, "server.mjs"), address.Port.ToString(CultureInfo.InvariantCulture), .. arguments]);
        var wire = new Wire(address);
        await process.WaitUntilAsync(() => wire.AnswersAsync(Operations.Metadata));
        return store is null
            ? new Subject(name, [wire], [process.Tree], process) { Now = now, IsPeer = true }
            : new Subject(name, [wire], [process.Tree, store.Tree], process, store) { Now = now, IsPeer = true };
    }
}
