using System.Text.Json;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Audit;

namespace McpIdentity.Tests.Audit;

/// <summary>What a timeline alone says: ways to break that a test of the whole server takes long to bring about.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class DiagnosisTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 29, 12, 0, 0, TimeSpan.Zero);

    [TestCase("clock", "token_issued", "mcp_auth_failure!Token is not valid yet")]
    [TestCase("token_expired", "token_issued", "mcp_auth_success", "mcp_auth_failure!Token has expired")]
    [TestCase("revoked", "token_issued", "mcp_auth_failure!Session not found")]
    [TestCase("scope_missing", "token_issued", "scope_denied!missing scope mcp:call")]
    [TestCase("tool_not_left", "token_issued", "tool_denied!The person did not leave this tool to the client")]
    [TestCase("account_not_connected", "token_issued", "gateway_call!not_connected")]
    [TestCase("upstream_session", "token_issued", "gateway_call!session_not_found")]
    [TestCase("works", "token_issued", "gateway_call!unreachable", "gateway_call")]
    [TestCase("not_admitted", "sign_in_shown", "sign_in_sent", "login_failure!domain_not_allowed")]
    [TestCase("provider_refused", "sign_in_sent", "login_failure!invalid_client")]
    [TestCase("sign_in_lost", "sign_in_sent", "login_failure!invalid_state")]
    [TestCase("sign_in_abandoned", "authorize_started", "sign_in_shown", "sign_in_sent")]
    [TestCase("client_refused", "code_issued", "client_authentication_failed!invalid_client: The specified client credentials are invalid.")]
    [TestCase("blocked_by_policy", "authorize_started", "authorization_refused!access_denied: No scope of x is for this person and this client.")]
    [TestCase("client_disabled", "token_issued", "mcp_auth_success", "client_disabled")]
    [TestCase("works", "token_issued", "client_disabled", "client_enabled", "mcp_auth_success")]
    [TestCase("never_came")]
    public void The_first_check_that_finds_something_speaks(string finding, params string[] steps)
    {
        var flow = new TracedFlow("flow", "client", "subject", [.. steps.Select((step, i) => StepOf(step, i))]);

        Assert.That(Diagnosis.Of(flow, Now).Id, Is.EqualTo(finding));
    }

    [TestCase("works", "user_disabled", "user_enabled", "token_issued", "mcp_auth_success", "client_disabled", "client_enabled")]
    [TestCase("user_disabled", "token_issued", "mcp_auth_success", "user_disabled", "client_disabled", "client_enabled")]
    [TestCase("revoked", "token_issued", "mcp_auth_success", "sessions_ended")]
    [TestCase("token_reused", "token_issued", "mcp_auth_success", "refresh_token_reuse")]
    [TestCase("token_not_accepted", "token_issued", "mcp_auth_failure!Something else")]
    public void What_ends_an_access_is_judged_each_by_itself(string finding, params string[] steps) => The_first_check_that_finds_something_speaks(finding, steps);

    // A client that many people share says no more of a token that is not known.
    [TestCase("refresh_refused", "refresh_token", "grant", "192.0.2.9")]
    [TestCase("refresh_refused", "refresh_token", null, "192.0.2.1")]
    [TestCase("works", "refresh_token", null, "192.0.2.9")]
    [TestCase("works", "authorization_code", null, "192.0.2.1")]
    public void A_refusal_is_of_a_flow_where_its_grant_or_its_address_says_so(string finding, string grantType, string? grant, string address)
    {
        var refused = StepOf("token_refused!invalid_grant", 2).Row;
        (refused.GrantId, refused.Address, refused.Line) = (grant, address, JsonSerializer.Serialize(new { reason = "invalid_grant", grant_type = grantType }));
        var issued = StepOf("token_issued", 0);
        issued.Row.Address = "192.0.2.1";

        Assert.That(Diagnosis.Of(new TracedFlow("flow", "client", "subject", [issued, StepOf("mcp_auth_success", 1), new TraceStep(refused)]), Now).Id, Is.EqualTo(finding));
    }

    [TestCase("ChatGPT", "chatgpt.com/connector/oauth")]
    [TestCase("Claude Code", "/mcp, choose the server")]
    [TestCase("Cursor", "mcp.json")]
    public void The_cure_is_that_of_the_client(string name, string says)
    {
        var registered = StepOf($"client_registered?{name}", 0);
        var flow = new TracedFlow("flow", "client", null, [registered, StepOf("token_issued", 1), StepOf("mcp_auth_failure!Session not found", 2)]);

        Assert.That(Diagnosis.Of(flow, Now).Cure + ClientCures.Of(flow).Redirect + ClientCures.Of(flow).Address, Does.Contain(says));
    }

    // "event", "event?reason" or "event!reason of a refusal".
    private static TraceStep StepOf(string text, int second)
    {
        var parts = text.Split('!', '?');
        var isRefusal = text.Contains('!', StringComparison.Ordinal);
        return new TraceStep(new AuditEntry
        {
            Node = "node",
            At = Now.AddMinutes(-1).AddSeconds(second),
            Event = parts[0],
            Level = "info",
            Result = isRefusal ? "failure" : "success",
            GrantId = parts[0].StartsWith("client_", StringComparison.Ordinal) || parts[0].StartsWith("sign_in", StringComparison.Ordinal) ? null : "grant",
            Line = JsonSerializer.Serialize(new { reason = parts.ElementAtOrDefault(1), got = "this", server = "notes" }),
            Hash = [],
        });
    }
}
