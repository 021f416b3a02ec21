namespace McpIdentity.Tests.Mcp;

/// <summary>The claim <c>mcp_tools</c> at the gate: docs/decisions/0009.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class ToolChoiceTests
{
    private McpHost _host = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _host = await McpHost.StartAsync(new Dictionary<string, string?> { ["Mcp:Auth:AuthType"] = "both", ["Mcp:Auth:PublicTools"] = "ping" });

    [OneTimeTearDown]
    public async Task StopAsync() => await _host.DisposeAsync();

    private static IEnumerable<TestCaseData> Claims()
    {
        yield return new TestCaseData(new[] { "whoami" }, "whoami").SetArgDisplayNames("one tool");
        yield return new TestCaseData(Array.Empty<string>(), "").SetArgDisplayNames("none");
        yield return new TestCaseData("whoami", "").SetArgDisplayNames("a text");
        yield return new TestCaseData(new object[] { "whoami", 7 }, "").SetArgDisplayNames("an array with a number in it");
        yield return new TestCaseData(new object[] { new[] { "whoami" } }, "").SetArgDisplayNames("an array of arrays");
        yield return new TestCaseData(new Dictionary<string, string> { ["whoami"] = "yes" }, "").SetArgDisplayNames("an object");
        yield return new TestCaseData(true, "").SetArgDisplayNames("true");
    }

    [TestCaseSource(nameof(Claims))]
    public async Task A_token_calls_and_sees_the_tools_of_its_claim_and_one_that_cannot_be_read_leaves_none(object claim, string tools)
    {
        var token = TestTokens.Own(_host.Keys.Key, "mcp mcp:call", ("mcp_tools", claim), ("jti", Guid.NewGuid().ToString()));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(string.Join(' ', (await _host.CallAsync("tools/list", bearer: token)).Tools), Is.EqualTo(tools));
            Assert.That((await _host.CallToolAsync("whoami", token)).Status, Is.EqualTo(tools.Length > 0 ? 200 : 403));
            foreach (var tool in (string[])["echo", "ping", "admin_status", "no_such_tool", "WhoAmI"])
            {
                var refused = await _host.CallToolAsync(tool, token);
                // RFC 6750 §3.1: no scope is missing, and no client may begin to ask for one.
                Assert.That((refused.Status, refused.Reason, refused.Challenge), Is.EqualTo((403, "tool_not_allowed", "")), tool);
            }
        }
    }

    [Test]
    public async Task Beside_a_JWT_of_another_issuer_it_holds_and_in_one_it_means_nothing()
    {
        var own = TestTokens.Own(_host.Keys.Key, "mcp mcp:call", ("mcp_tools", new[] { "whoami" }));
        var foreign = TestTokens.Foreign(("mcp_tools", new[] { "whoami" }));

        foreach (var (first, second) in new[] { (own, TestTokens.Foreign()), (TestTokens.Foreign(), own) })
        {
            var both = await _host.CallToolAsync("echo", first, new { message = "hi" }, request => request.Headers.Add("X-MCP-JWT", second));
            Assert.That((both.Status, both.Reason), Is.EqualTo((403, "tool_not_allowed")));
        }

        Assert.That((await _host.CallToolAsync("echo", foreign, new { message = "hi" })).Status, Is.EqualTo(200), "whose claims are its issuer's matter");
        Assert.That((await _host.CallToolAsync("ping")).Status, Is.EqualTo(200), "who shows no token has what is public");
    }
}
