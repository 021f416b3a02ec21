using McpIdentity.Migrations;
using McpIdentity.Server.Revocation;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Support;

/// <summary>What nodes tell each other.</summary>
internal static class NodeSignals
{
    /// <summary>Waits until each of two hears the other: a node listens some moments after its start.</summary>
    public static async Task HearEachOtherAsync(TestServer one, TestServer two)
    {
        await HearsAsync(one, two);
        await HearsAsync(two, one);
    }

    private static async Task HearsAsync(TestServer listener, TestServer speaker)
    {
        var heard = false;
        listener.Services.GetRequiredService<RevocationSignals>().Heard += word => heard |= word == "a test";
        await using var scope = speaker.Services.CreateAsyncScope();
        await Until.TrueAsync(async () =>
        {
            await speaker.Services.GetRequiredService<RevocationSignals>().SendAsync(scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>(), "a test");
            return heard;
        }, "the other node is heard");
    }
}
