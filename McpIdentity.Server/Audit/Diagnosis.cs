using System.Globalization;

namespace McpIdentity.Server.Audit;

/// <summary>What was found to be wrong with a flow, or that nothing is.</summary>
/// <param name="Id">Stable, for programs.</param>
/// <param name="Says">What happened, in a sentence.</param>
/// <param name="Cure">What to do; null where nothing has to be done.</param>
internal sealed record Finding(string Id, string Says, string? Cure);

/// <summary>
/// Why a flow did not lead to a call: a list of small checks over its timeline, of which the first that finds something speaks. What was
/// abandoned is known only by what did not follow.
/// </summary>
internal static class Diagnosis
{
    private static readonly string[] Passed = ["mcp_auth_success", "gateway_call"];

    // From the end of a flow to its beginning: who has a token has come past everything before.
    private static readonly Func<TracedFlow, DateTimeOffset, Finding?>[] Checks =
    [
        Ended, RefreshRefused, Works, UpstreamFailed, WrongAudience, Clock, Revoked, Expired, ScopeMissing, PolicyDenied, ToolNotLeft, OtherRefusal, NeverUsed,
        TokenRefused, ClientRefused, CodeNeverRedeemed, RedirectMismatch, Denied, BlockedAtAuthorize, ConsentAbandoned, NotAdmitted, SignInAbandoned, Refused, NeverAuthorized,
    ];

    /// <summary>Of flows that ended well nothing has to be said.</summary>
    public const string NoFault = "works";

    public static Finding Of(TracedFlow flow, DateTimeOffset now) =>
        Checks.Select(check => check(flow, now)).FirstOrDefault(finding => finding is not null) ??
        new Finding("never_came", "No request of it has come: neither one without a token nor a registration.", $"Is the address right that the client was given? {ClientCures.Of(flow).Address}");

    // Each is judged apart: to enable a client again does not enable a person.
    private static readonly string[][] Ends =
    [
        ["user_disabled", "user_removed", "user_enabled"], ["client_disabled", "client_deleted", "client_enabled"],
        ["app_disconnected", "grant_revoked", "token_revoked", "session_ended", "sessions_ended", "code_reuse", "refresh_token_reuse"],
    ];

    private static Finding? Ended(TracedFlow flow, DateTimeOffset now)
    {
        var ended = Ends.Select(flow.Last).OfType<TraceStep>()
            .Where(one => one.Event is not ("user_enabled" or "client_enabled") && !flow.Steps.Any(step => Passed.Contains(step.Event) && step.IsSuccess && step.Row.At > one.Row.At));
        if (ended.MaxBy(one => one.Row.At) is not { } end)
        {
            return null;
        }

        return end.Event switch
        {
            "user_disabled" => new("user_disabled", $"The person was disabled{By(end)}.", "users enable, if that was not meant."),
            "user_removed" => new("user_removed", $"The person was removed{By(end)}.", "They sign in again, if they may."),
            "client_disabled" => new("client_disabled", $"The client was disabled{By(end)}.", "clients enable, if that was not meant."),
            "client_deleted" => new("client_deleted", $"The client was deleted{By(end)}.", $"It registers again. {ClientCures.Of(flow).Again}"),
            "code_reuse" or "refresh_token_reuse" => new("token_reused", $"A {(end.Event == "code_reuse" ? "code" : "refresh token")} came twice{By(end)}: the whole grant was ended, because one of the two who hold it has stolen it.", $"If two copies of the client share one login, give each its own. Connect again. {ClientCures.Of(flow).Again}"),
            "session_ended" or "sessions_ended" => new("revoked", $"The sign-in session was ended{By(end)}, and with it what was granted in it.", $"Connect again. {ClientCures.Of(flow).Again}"),
            _ => new("revoked", $"The access was ended ({end.Event}){By(end)}.", $"Connect again. {ClientCures.Of(flow).Again}"),
        };
    }

    private static Finding? RefreshRefused(TracedFlow flow, DateTimeOffset now) => flow.Has("token_issued") &&
        flow.Steps.LastOrDefault(step => IsOfCalls(step) || step.Event is "token_issued" or "token_refreshed" || IsRefusedRefresh(flow, step)) is { Event: "token_refused" } refused
            ? new("refresh_refused", $"The client asked for new tokens, and was refused: {refused.Reason}.", $"Connect again. {ClientCures.Of(flow).Again}")
            : null;

    // One that was not read names its client alone, which others may share: it is of this flow where it came from an address of its grant.
    private static bool IsRefusedRefresh(TracedFlow flow, TraceStep step) => step.Event == "token_refused" && step["grant_type"] == "refresh_token" &&
        (step.Row.GrantId is not null || (step.Row.Address is { } address && flow.Steps.Any(other => other.Row.GrantId is not null && other.Row.Address == address)));

    private static Finding? Works(TracedFlow flow, DateTimeOffset now) =>
        flow.Steps.LastOrDefault(IsOfCalls) is { IsSuccess: true } last ? new(NoFault, $"No fault was found: the last call, of {last.Row.Tool ?? last["method"] ?? "no tool"}, was let in.", null) : null;

    private static Finding? UpstreamFailed(TracedFlow flow, DateTimeOffset now) => LastCall(flow, "gateway_call") is { } call ? call.Reason switch
    {
        "not_connected" or "upstream_credential" => new("account_not_connected", $"The person has no account connected at the server {call["server"]} behind this one.", "They follow the link that the client shows, or connect it under Accounts."),
        "session_not_found" => new("upstream_session", $"The server {call["server"]} behind this one does not know the session any more.", "The client begins a new one; restart it if it does not."),
        _ => new("upstream_away", $"The server {call["server"]} behind this one failed: {call.Reason}.", $"Look at the server: servers test {call["server"]}."),
    }
    : null;

    private static Finding? WrongAudience(TracedFlow flow, DateTimeOffset now) => LastRefusal(flow, "Invalid audience") is { } call
        ? new("wrong_audience", $"A token for {call.Got} was shown at {call.Expected}.", $"The client must ask for resource={call.Expected}: it was given another address than it calls. {ClientCures.Of(flow).Again}")
        : null;

    private static Finding? Clock(TracedFlow flow, DateTimeOffset now) => LastRefusal(flow, "Token is not valid yet") is { } call
        ? new("clock", $"The token is from the future: {call.Got}; allowed is {call.Expected}.", "Clocks disagree: set them by NTP on every server.")
        : null;

    private static Finding? Revoked(TracedFlow flow, DateTimeOffset now) => LastRefusal(flow, "Session not found") is not null
        ? new("revoked", "The token was ended: its sign-in session, its grant or its client.", $"Connect again. {ClientCures.Of(flow).Again}")
        : null;

    private static Finding? Expired(TracedFlow flow, DateTimeOffset now) => LastRefusal(flow, "Token has expired") is { } call
        ? new("token_expired", $"The token had run out ({call.Got}), and the client did not refresh it.", $"Connect again. {ClientCures.Of(flow).Again}")
        : null;

    private static Finding? ScopeMissing(TracedFlow flow, DateTimeOffset now) => LastCall(flow, "scope_denied") is { } call
        ? new("scope_missing", $"The token lacks a scope: it has '{call.Got}', and {call.Row.Tool ?? call["method"]} needs '{call.Expected}'.", $"The client asks again for more when it is told so (403). {ClientCures.Of(flow).Again}")
        : null;

    private static Finding? PolicyDenied(TracedFlow flow, DateTimeOffset now) => LastCall(flow, "policy_denied") is { } call
        ? new("blocked_by_policy", $"The policy does not allow {call.Row.Tool ?? call["method"]} at {call["server"]}: {call["rule"] ?? call.Reason}.", "policy test shows what decides; change the rule if it should be allowed.")
        : null;

    private static Finding? ToolNotLeft(TracedFlow flow, DateTimeOffset now) => LastCall(flow, "tool_denied") is { } call
        ? new("tool_not_left", $"The person took the tool {call.Row.Tool} away from this client when they allowed it.", $"They disconnect the app under Connected apps and connect it again. {ClientCures.Of(flow).Again}")
        : null;

    private static Finding? OtherRefusal(TracedFlow flow, DateTimeOffset now) => flow.Has("token_issued") && LastCall(flow, "mcp_auth_failure") is { } call
        ? new("token_not_accepted", $"A call was refused: {call.Reason}.", null)
        : null;

    private static Finding? NeverUsed(TracedFlow flow, DateTimeOffset now) => flow.Has("token_issued") && !flow.Steps.Any(IsOfCalls)
        ? new("token_never_used", $"A token was issued {Ago(flow.Last("token_issued")!, now)}, and no call has come with it.", $"The client has what it needs: the fault is on its side, or it calls another address. {ClientCures.Of(flow).Address}")
        : null;

    private static Finding? TokenRefused(TracedFlow flow, DateTimeOffset now) => !flow.Has("token_issued") && flow.Last("token_refused", "code_reuse") is { } refused
        ? new("token_refused", $"The code was not exchanged for a token: {refused.Reason}.", refused.Reason?.Contains("code_verifier", StringComparison.Ordinal) == true ? "The client sent another code_verifier than belongs to its code_challenge: two of its windows may have mixed, so begin anew." : $"Begin anew. {ClientCures.Of(flow).Again}")
        : null;

    private static Finding? ClientRefused(TracedFlow flow, DateTimeOffset now) => !flow.Has("token_issued") && flow.Last("client_authentication_failed") is { } refused
        ? new("client_refused", $"The client did not prove who it is: {refused.Reason}.", $"Give it its secret again (clients rotate-secret), or let it register anew. {ClientCures.Of(flow).Again}")
        : null;

    private static Finding? CodeNeverRedeemed(TracedFlow flow, DateTimeOffset now) => flow.Has("code_issued") && !flow.Has("token_issued")
        ? new("code_never_redeemed", $"A code was sent to the client {Ago(flow.Last("code_issued")!, now)}, and it has not come for its token.", $"The answer did not reach the client, or it cannot reach this server from where it runs. {ClientCures.Of(flow).Answer}")
        : null;

    private static Finding? RedirectMismatch(TracedFlow flow, DateTimeOffset now) => flow.Last("authorization_refused") is { Got: not null, Expected: not null } refused && !flow.Has("code_issued")
        ? new("redirect_mismatch", $"The client asked for the answer at {refused.Got}, and registered: {refused.Expected}.", ClientCures.Of(flow).Redirect)
        : null;

    private static Finding? Denied(TracedFlow flow, DateTimeOffset now) => flow.Last("consent_granted", "consent_denied") is { Event: "consent_denied" }
        ? new("denied", "The person pressed Deny on the consent page.", "If they did not mean it, they connect again and press Allow.")
        : null;

    private static Finding? BlockedAtAuthorize(TracedFlow flow, DateTimeOffset now) => flow.Last("authorization_refused") is { Reason: { } reason } && reason.Contains("is for this person and this client", StringComparison.Ordinal)
        ? new("blocked_by_policy", $"The policy gives this person nothing there: {reason}", "policy test shows what decides; change the rule if it should be allowed.")
        : null;

    private static Finding? ConsentAbandoned(TracedFlow flow, DateTimeOffset now) => flow.Last("consent_shown") is { } shown && !flow.Has("consent_granted", "consent_denied", "code_issued", "authorization_refused")
        ? new("consent_abandoned", $"The consent page was shown {Ago(shown, now)}, and nothing has followed.", "Somebody has closed the window, or has not decided yet: connect again.")
        : null;

    private static Finding? NotAdmitted(TracedFlow flow, DateTimeOffset now) => flow.Last("login_success", "login_failure") is { Event: "login_failure" } failure ? failure.Reason switch
    {
        "domain_not_allowed" or "email_not_verified" => new("not_admitted", $"The person signed in at the provider{(failure.Got is null ? "" : $" as {failure.Got}")} and may not sign in here: {failure.Expected}", "They take another account, or the operator admits it (OAuth:AllowedEmailDomains; docs/sign-in-providers.md)."),
        "account_disabled" => new("user_disabled", "The person is disabled here.", "users enable, if that was not meant."),
        "invalid_state" => new("sign_in_lost", "The answer of the provider did not belong to this browser: it came too late, twice, or without the cookie.", "Begin anew in one window; the browser must keep the cookies of this server."),
        var reason => new("provider_refused", $"The sign-in at the provider failed: {reason}. {failure.Expected}", "The ordinary log has the provider's own words under the same reference; doctor tries the providers."),
    }
    : null;

    private static Finding? SignInAbandoned(TracedFlow flow, DateTimeOffset now) => flow.Last("sign_in_shown", "sign_in_sent") is { } shown && !flow.Has("login_success", "login_failure", "code_issued", "consent_shown", "authorization_refused")
        ? flow.Last("sign_in_sent") is { } sent
            ? new("sign_in_abandoned", $"The person was sent to {sent["auth_method"]} {Ago(sent, now)} and has not come back.", "They did not sign in there, or the provider showed them an error: ask what they saw. If it names the redirect URI, register ours there (doctor).")
            : new("sign_in_abandoned", $"The sign-in page was shown {Ago(shown, now)}, and nothing has followed.", "Somebody has closed the window, or it was never brought to the front: connect again and look at the browser.")
        : null;

    private static Finding? Refused(TracedFlow flow, DateTimeOffset now) => flow.Last("authorization_refused", "registration_refused") is { } refused
        ? new(refused.Event, $"The server refused it: {refused.Reason}.", null)
        : null;

    private static Finding? NeverAuthorized(TracedFlow flow, DateTimeOffset now) => !flow.Has("authorize_started") && flow.Steps.Count > 0
        ? new("never_authorized", flow.Has("client_registered") ? "The client registered itself, and never asked for an authorization." : "There are requests without a good token, and no request for an authorization.", $"The client did not open a browser, or nobody looked at it. {ClientCures.Of(flow).Again}")
        : null;

    private static TraceStep? LastCall(TracedFlow flow, string name) => flow.Steps.LastOrDefault(IsOfCalls) is { IsSuccess: false } last && last.Event == name ? last : null;

    private static TraceStep? LastRefusal(TracedFlow flow, string reason) => LastCall(flow, "mcp_auth_failure") is { } call && call.Reason == reason ? call : null;

    private static bool IsOfCalls(TraceStep step) => !step.IsOnlyNearby && step.Row.GrantId is not null && (Passed.Contains(step.Event) || step.Event is "mcp_auth_failure" or "scope_denied" or "tool_denied" or "policy_denied");

    private static string By(TraceStep step) => step.Row.Actor is { } actor ? $" by {actor} at {step.Row.At.UtcDateTime:u}" : $" at {step.Row.At.UtcDateTime:u}";

    private static string Ago(TraceStep step, DateTimeOffset now)
    {
        var age = now - step.Row.At;
        return age.TotalMinutes < 2 ? "just now"
            : age.TotalHours < 2 ? string.Create(CultureInfo.InvariantCulture, $"{age.TotalMinutes:0} minutes ago")
            : $"at {step.Row.At.UtcDateTime:u}";
    }
}
