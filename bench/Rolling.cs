using System.Globalization;
using System.Text.RegularExpressions;

namespace McpIdentity.Bench;

/// <summary>Two servers on PostgreSQL behind <c>deploy/nginx.conf</c>, replaced one right after the other while clients go on.</summary>
internal static partial class Rolling
{
    private const string EncryptionKey = "0123456789abcdef0123456789abcdef01234567";

    public static async Task<int> RunAsync(BenchOptions options, string folder)
    {
        var program = options.Server ?? await ServerUnderTest.PublishAsync(folder);
        await using var database = await PostgresServer.StartAsync(Program.FreePort());
        int[] ports = [Program.FreePort(), Program.FreePort()];
        var proxy = new Uri($"http://localhost:{Program.FreePort()}");
        await File.WriteAllTextAsync(Path.Combine(folder, "nginx.conf"), await ConfigurationAsync(folder, proxy.Port, ports));
        await using var nginx = ChildProcess.Start(folder, "nginx", "/usr/sbin/nginx", "-p", folder, "-c", Path.Combine(folder, "nginx.conf"), "-e", "stderr");
        var servers = new[] { await StartAsync(0), await StartAsync(1) };
        try
        {
            using var wire = new Wire(proxy);
            await using var campaign = await Campaign.StartAsync(wire, asksAgain: true);
            for (var round = 0; round < options.Rounds; round++)
            {
                await campaign.AnswerAsync(50);
                for (var node = 0; node < 2; node++)
                {
                    await servers[node].StopAsync();
                    servers[node] = await StartAsync(node);
                }
            }

            await campaign.AnswerAsync(50);
            return await campaign.ReportAsync($"{options.Rounds} times both servers replaced");
        }
        finally
        {
            await servers[0].DisposeAsync();
            await servers[1].DisposeAsync();
        }

        Task<ServerUnderTest> StartAsync(int node) => ServerUnderTest.StartAsync(
            program, Directory.CreateDirectory(Path.Combine(folder, $"node{node}")).FullName, ports[node], database, $"--Server:PublicBaseUrl={proxy.GetLeftPart(UriPartial.Authority)}", "--Server:TrustProxy=true", "--OAuth:EncryptionKey=" + EncryptionKey);
    }

    // As it is shipped, but for names, folders, ports and TLS, which is in front of what is measured.
    private static async Task<string> ConfigurationAsync(string folder, int port, int[] servers)
    {
        var shipped = await File.ReadAllTextAsync(Path.Combine(ServerUnderTest.RepositoryRoot(), "deploy", "nginx.conf"));
        return "daemon off;\nmaster_process off;\n" + TlsLine().Replace(shipped, "")
            .Replace("server-a:8082 resolve", $"127.0.0.1:{servers[0]}", StringComparison.Ordinal).Replace("server-b:8082 resolve", $"127.0.0.1:{servers[1]}", StringComparison.Ordinal)
            .Replace("listen 8443 ssl http2", $"listen 127.0.0.1:{port}", StringComparison.Ordinal)
            .Replace("listen 8080", string.Create(CultureInfo.InvariantCulture, $"listen 127.0.0.1:{Program.FreePort()}"), StringComparison.Ordinal)
            .Replace("/tmp/", folder + "/", StringComparison.Ordinal).Replace("/dev/stdout", folder + "/access.log", StringComparison.Ordinal);
    }

    [GeneratedRegex(@"^ *(ssl_|add_header ).*\n", RegexOptions.Multiline)]
    private static partial Regex TlsLine();
}
