using McpIdentity.Tests.Support;

namespace McpIdentity.Tests;

/// <summary>Ends what the tests of a run share, after the last of them: of all namespaces below this one.</summary>
[SetUpFixture]
internal sealed class SharedServers
{
    [OneTimeTearDown]
    public async Task EndAsync()
    {
        await Chromium.DisposeSharedAsync();
        await PostgresServer.DisposeSharedAsync();
        await RedisServer.DisposeSharedAsync();
    }
}
