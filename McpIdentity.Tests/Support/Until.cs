namespace McpIdentity.Tests.Support;

/// <summary>Waits for what happens beside the request that caused it; generously, because a busy machine is slow.</summary>
internal static class Until
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    public static Task TrueAsync(Func<bool> condition, string what) => TrueAsync(() => Task.FromResult(condition()), what);

    public static async Task TrueAsync(Func<Task<bool>> condition, string what)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (!await condition())
        {
            Assert.That(deadline.IsCancellationRequested, Is.False, $"Within {Deadline}: {what}");
            await Task.Delay(Interval);
        }
    }
}
