using System.Text.Json;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Operations;

/// <summary>How <c>dotnet publish</c> makes the program, asked of the project: to publish takes a minute.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class PublishTests
{
    [TestCase("-p:Configuration=Release", "true", "")]
    [TestCase("-p:Configuration=Release -p:RuntimeIdentifier=linux-arm64 -p:SelfContained=true", "true", "linux-arm64")]
    [TestCase("-p:Configuration=Release -p:PublishReadyToRun=false", "false", "")]
    [TestCase("-p:Configuration=Debug", "", "")]
    public async Task A_release_is_compiled_ahead_for_its_platform_and_leaves_the_lock_file_alone(string said, string isAhead, string platform)
    {
        var properties = await PropertiesAsync(["-p:_IsPublishing=true", .. said.Split(' ')]);

        Assert.That(properties["PublishReadyToRun"], Is.EqualTo(isAhead));
        Assert.That(properties["RuntimeIdentifier"], isAhead == "true" ? Does.Match(platform).And.Not.Empty : Is.Empty);
        Assert.That(properties["NuGetLockFilePath"], isAhead == "true" ? Does.EndWith($"obj/packages.{properties["RuntimeIdentifier"]}.lock.json") : Is.Empty);
    }

    [Test]
    public async Task A_build_is_for_any_platform()
    {
        var properties = await PropertiesAsync(["-p:Configuration=Release"]);

        Assert.That((properties["PublishReadyToRun"], properties["RuntimeIdentifier"], properties["NuGetLockFilePath"]), Is.EqualTo(("", "", "")));
    }

    private static async Task<Dictionary<string, string>> PropertiesAsync(string[] said)
    {
        await using var build = ChildProcess.Start(
            "dotnet", ["msbuild", "McpIdentity.Server", "-nodeReuse:false", .. said, "-getProperty:PublishReadyToRun,RuntimeIdentifier,NuGetLockFilePath"], Repository.Root);

        Assert.That(await build.WaitForExitAsync(), Is.Zero, build.Output);
        return JsonDocument.Parse(build.Output).RootElement.GetProperty("Properties").Deserialize<Dictionary<string, string>>()!;
    }
}
