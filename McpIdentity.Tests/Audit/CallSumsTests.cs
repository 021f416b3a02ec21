using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Audit;
using Microsoft.Extensions.Time.Testing;

namespace McpIdentity.Tests.Audit;

/// <summary>How calls that were let in are counted (docs/audit.md, "What is written").</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class CallSumsTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 29, 12, 0, 0, TimeSpan.Zero));

    [Test]
    public void Who_makes_up_names_of_tools_takes_nobody_elses_place()
    {
        var sums = new CallSums(_time);
        var first = Enumerable.Range(0, 60_000).Count(name => sums.IsFirst(CallOf("mallory", $"tool-{name}")));

        Assert.That(first, Is.EqualTo(CallSums.MaxKindsOfOne));
        Assert.That(sums.IsFirst(CallOf("alice", "read")), Is.True, "the first of another is written in full");
        var rest = sums.Take(all: true).Single();
        Assert.That((rest.GrantId, rest.Tool, rest.Count), Is.EqualTo(("mallory", "others", 60_000L - CallSums.MaxKindsOfOne)), "and what there is too much of says whose it is");
        Assert.That(sums.IsFirst(CallOf("mallory", "read")), Is.True, "in the next minute they begin anew");
    }

    [Test]
    public void A_sum_is_of_the_moment_of_its_last_call()
    {
        var sums = new CallSums(_time);
        sums.IsFirst(CallOf("alice", "read"));
        _time.Advance(TimeSpan.FromSeconds(5));
        sums.IsFirst(CallOf("alice", "read"));
        var last = _time.GetUtcNow();
        _time.Advance(TimeSpan.FromMinutes(2));

        Assert.That(sums.Take(all: false).Single().Time, Is.EqualTo(last), "what came after it, such as a refusal, is after it in the audit");
    }

    [Test]
    public void The_name_of_a_tool_is_kept_no_longer_than_a_line_has_it() =>
        Assert.That(CallOf("alice", new string('x', 100_000)).Tool, Has.Length.EqualTo(256));

    private static PassedCall CallOf(string who, string tool) => new("mcp_auth_success", who, "https://mcp.example/mcp", tool) { GrantId = who };
}
