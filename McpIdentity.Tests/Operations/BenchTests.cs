using McpIdentity.Bench;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Operations;

/// <summary>What the bench measures is there to be measured: each row is prepared, and asked for twice. How long it takes is not looked at.</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.All)]
internal sealed class BenchTests
{
    private static readonly string[] Keys = [.. Bench.Operations.All.Select(operation => operation.Key)];

    private TestServer _server = null!;
    private Wire _wire = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await TestServer.StartAsync([.. Client.OfOperator.Select(setting => setting[2..]), "Mcp:RateLimiting:Enabled=false"]);
        _wire = new Wire(new Uri(_server.BaseUrl));
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        _wire.Dispose();
        await _server.DisposeAsync();
    }

    [TestCaseSource(nameof(Keys))]
    public async Task A_row_can_be_prepared_and_measured(string key)
    {
        var request = await Bench.Operations.All.Single(operation => operation.Key == key).PrepareLane(_wire);

        Assert.That(async () =>
        {
            await request(); // throws at every answer but the one that is measured
            await request();
        }, Throws.Nothing);
    }
}
