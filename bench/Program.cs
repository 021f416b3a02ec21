using System.Net;
using System.Net.Sockets;

namespace McpIdentity.Bench;

/// <summary>What one run does, in order. The same program is the bare endpoint when its first word is <c>floor</c>, the bare proxy when it is <c>yarp</c>, and a process that does nothing when it is <c>nothing</c>.</summary>
internal static class Program
{
    public static async Task<int> Main(string[] args)
    {
        if (args is ["floor", var port, var size])
        {
            await BareEndpoint.ServeAsync(port, size);
            return 0;
        }

        if (args is ["nothing"])
        {
            return 0;
        }

        if (args is ["yarp", var at, var url])
        {
            await Gateway.ServeYarpAsync(at, url);
            return 0;
        }

        Func<BenchOptions, string, Task<int>> run = args.FirstOrDefault() switch
        {
            "starts" => Starts.RunAsync,
            "compare" => Comparison.OfBuildsAsync,
            "filled" => Comparison.OfStoresAsync,
            "nodes" => Comparison.OfNodesAsync,
            "profile" => Profile.RunAsync,
            "gateway" => Gateway.RunAsync,
            "races" => Races.RunAsync,
            "kill" => Kills.RunAsync,
            "outages" => Outages.RunAsync,
            "failover" => Outages.OfPrimaryAsync,
            "restore" => Restores.RunAsync,
            "redis" => Hangs.OfRedisAsync,
            "output" => Hangs.OfOutputAsync,
            "rolling" => Rolling.RunAsync,
            _ => Measurement.RunAsync,
        };
        if (BenchOptions.Parse(run == Measurement.RunAsync ? args : args[1..], out var problem) is not { } options)
        {
            await Console.Error.WriteLineAsync($"{problem}\n\n{BenchOptions.Usage}");
            return 2;
        }

        var folder = Directory.CreateTempSubdirectory("mcpidentity-bench-");
        try
        {
            return await run(options, folder.FullName);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    public static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
