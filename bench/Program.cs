using System.Net;
using System.Net.Sockets;

namespace McpIdentity.Bench;

/// <summary>What one run does, in order. The same program is the bare endpoint when its first word is <c>floor</c>, and the bare proxy when it is <c>yarp</c>.</summary>
internal static class Program
{
    public static async Task<int> Main(string[] args)
    {
        if (args is ["floor", var port, var size])
        {
            await BareEndpoint.ServeAsync(port, size);
            return 0;
        }

        if (args is ["yarp", var at, var url])
        {
            await Gateway.ServeYarpAsync(at, url);
            return 0;
        }

        Func<BenchOptions, string, Task<int>> run = args.FirstOrDefault() switch
        {
            "compare" => Comparison.RunAsync,
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
            _ => MeasureAsync,
        };
        if (BenchOptions.Parse(run == MeasureAsync ? args : args[1..], out var problem) is not { } options)
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

    private static async Task<int> MeasureAsync(BenchOptions options, string folder)
    {
        await Cores.KeepLoadOffServerCoreAsync();
        var program = options.Server ?? await ServerUnderTest.PublishAsync(folder);
        await using var database = options.UsePostgres ? await PostgresServer.StartAsync(FreePort()) : null;

        Console.Error.WriteLine("starting");
        // The first start creates the schema; the second is the start that an operator waits for.
        var first = await ServerUnderTest.StartAsync(program, folder, FreePort(), database);
        if (options.Filled > 0)
        {
            await Filling.FillAsync(first, folder, database, options.Filled);
        }

        await first.DisposeAsync();
        await using var server = await ServerUnderTest.StartAsync(program, folder, FreePort(), database);
        using var wire = new Wire(server.Address);
        var metadata = await wire.GetAsync(Operations.Metadata);
        await Task.Delay(TimeSpan.FromSeconds(2));
        var idle = server.Tree.ResidentMiB();

        await using var bare = await BareEndpoint.StartAsync(folder, FreePort(), metadata.Body.Length);
        var floor = await BareEndpoint.MeasureAsync(bare, options.Duration);
        var report = new Report(options, floor);
        foreach (var operation in Operations.All.Where(operation => options.IsWanted(operation.Key)))
        {
            Console.Error.WriteLine(operation.Name);
            var lanes = await operation.PrepareAsync(wire);
            var trees = database is null ? [server.Tree] : new[] { server.Tree, database.Tree };
            await Load.WarmUpAsync(lanes, trees);
            report.Add(operation, await Load.MeasureAsync(lanes, trees, options.Duration));
        }

        report.Memory(idle, server.Tree.ResidentMiB(), first.Ready, server.Ready, bare);
        report.Print(Console.Out);
        return report.Errors == 0 ? 0 : 1;
    }

    public static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
