using System.Text;
using McpIdentity.Server.Policy;

namespace McpIdentity.Tests.Policy;

/// <summary>Rule by rule what another document has.</summary>
[Category("Policy")]
[Parallelizable(ParallelScope.All)]
internal sealed class PolicyTextDiffTests
{
    [TestCase("abc", "abc", "")]
    [TestCase("abc", "abxc", "added 3 x")]
    [TestCase("abc", "ac", "removed 2 b")]
    [TestCase("abc", "cab", "moved from 3 c, moved to 1 c")]
    [TestCase("aa", "a", "removed 2 a")]
    [TestCase("abc", "xbc", "removed 1 a, added 1 x")]
    [TestCase("", "a", "added 1 a")]
    public void Rules_come_go_and_move(string before, string after, string changes) => Assert.That(
        string.Join(", ", PolicyTextDiff.Of(Document(before), Document(after)).Select(change => $"{change.Change} {change.Place[^1]} {change.Text[10]}")), Is.EqualTo(changes));

    [Test]
    public void Groups_come_go_and_change()
    {
        var changes = PolicyTextDiff.Of(
            Parse("""{ "Groups": { "kept": "a@example.com", "gone": "b@example.com", "other": [ "c@example.com", "d@example.com" ] } }"""),
            Parse("""{ "Groups": { "Kept": "a@example.com", "new": "e@example.com", "other": [ "d@example.com", "f@example.com" ] } }"""));

        Assert.That(changes, Is.EqualTo([("removed", "group gone", "b@example.com"), ("added", "group new", "e@example.com"), ("changed", "group other", "-c@example.com, +f@example.com")]));
    }

    private static McpIdentity.Server.Settings.PolicyOptions Document(string rules) =>
        Parse($$"""{ "Rules": [ {{string.Join(", ", rules.Select(tool => $$"""{ "Tools": "{{tool}}", "Effect": "allow" }"""))}} ] }""");

    private static McpIdentity.Server.Settings.PolicyOptions Parse(string json) => PolicyDocument.Parse(PolicyDocument.Stored, Encoding.UTF8.GetBytes(json));
}
