namespace McpIdentity.Tests.Support;

[Category("Process")]
[Parallelizable(ParallelScope.All)]
internal sealed class ServerProcessTests
{
    [Test]
    public void A_server_that_cannot_start_says_why()
    {
        var missing = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

        Assert.That(
            () => ServerProcess.StartAsync($"--contentRoot={missing}"),
            Throws.InvalidOperationException.With.Message.Contains("before it was ready").And.Message.Contains(missing));
    }
}
