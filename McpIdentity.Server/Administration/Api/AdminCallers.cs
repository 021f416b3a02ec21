using System.Globalization;
using McpIdentity.Mcp.Audit;
using McpIdentity.Mcp.Limits;
using McpIdentity.Server.Authorization;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Roles;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Administration.Api;

/// <summary>
/// Who calls the admin API, and whether they may do this: by an access token for it, that is verified as it is at userinfo; its scope; and
/// the role that the person has at this moment. A service has no role: what its client is configured for counts.
/// </summary>
internal sealed class AdminCallers(
    IOpenIddictServerFactory factory, IOpenIddictServerDispatcher dispatcher, PublicAddress address, ProtectedResources resources, ScopeHolders holders, AdminRoles roles, People people,
    SignInSessions sessions, RateLimiter limiter, IOptions<AdminOptions> options, SecurityLog log, TimeProvider time)
{
    /// <summary>The name of the rate limit, of callers and of the addresses whose requests were refused.</summary>
    public const string Bucket = "admin API";

    /// <returns>Who calls; or why they may not, with the headers of the answer written.</returns>
    public async Task<Outcome<Operator>> JudgeAsync(HttpContext http, AdminRight right)
    {
        if (BearerToken.Of(http.Request) is not { Length: > 0 } presented)
        {
            // RFC 6750 §3.1: no error code for a request without any credential.
            return Challenge(http, "unauthorized", "The admin API takes an access token that was issued for it: ask for resource " + resources.Admin!.Identifier + ".", error: null);
        }

        var transaction = await factory.CreateTransactionAsync();
        transaction.BaseUri = address.BaseUri;
        var context = new ValidateTokenContext(transaction) { Token = presented, ValidTokenTypes = { TokenTypeIdentifiers.AccessToken }, CancellationToken = http.RequestAborted };
        await dispatcher.DispatchAsync(context);
        if (context.IsRejected || context.Principal is not { } token || token.GetClaim(Claims.Subject) is not { } subject)
        {
            Record(http, null, null, $"{context.Error}: {context.ErrorDescription}");
            return Challenge(http, "invalid_token", "The access token is not valid, has expired, or was revoked: get a new one.", Errors.InvalidToken);
        }

        var clientId = token.GetClaim(Claims.ClientId) ?? token.GetPresenters().FirstOrDefault() ?? subject;
        if (!token.HasAudience(resources.Admin!.Identifier))
        {
            Record(http, clientId, subject, $"a token for {string.Join(' ', token.GetAudiences())}");
            return Challenge(http, "invalid_token", $"The access token is for another resource. Ask for one with resource={resources.Admin.Identifier} (RFC 8707).", Errors.InvalidToken);
        }

        if (limiter.IsOn && await limiter.CheckAsync(http, new SecurityEvent { Method = http.Request.Path.Value, ClientId = clientId, Subject = subject }, new RateLimit(Bucket, RateKeys.ForName("caller", subject), options.Value.ApiMaxRequests)) is { } seconds)
        {
            return new AdminProblem("too_many_requests", StatusCodes.Status429TooManyRequests, $"Too many requests; try again in {seconds} s.");
        }

        var scope = AdminRights.ScopeOf(right);
        if (!token.HasScope(scope))
        {
            Record(http, clientId, subject, $"without the scope {scope}");
            WriteChallenge(http, Errors.InsufficientScope, $"scope=\"{scope}\"");
            return new AdminProblem(Errors.InsufficientScope, StatusCodes.Status403Forbidden, $"This needs the scope {scope}, which the access token does not have.");
        }

        if (subject == clientId)
        {
            return OfService(http, clientId, right);
        }

        if (await roles.FindAsync(subject, http.RequestAborted) is not { } role || !role.May(right))
        {
            Record(http, clientId, subject, "by somebody without a role that may do it");
            return new AdminProblem("role_missing", StatusCodes.Status403Forbidden, $"You have no role at this server that may do this ({right}). An owner gives roles, or the settings Admin:Owners, Admin:Operators, Admin:Auditors and Admin:Helpdesk.");
        }

        if (AdminRights.NeedsFreshSignIn(right) && !await IsFreshAsync(token.GetClaim(JwtRegisteredClaimNames.Sid), http.RequestAborted))
        {
            var maxAge = AdminRights.Fresh.TotalSeconds.ToString("0", CultureInfo.InvariantCulture);
            WriteChallenge(http, "insufficient_user_authentication", $"max_age=\"{maxAge}\""); // RFC 9470 §3
            return new AdminProblem("insufficient_user_authentication", StatusCodes.Status401Unauthorized, $"For this you must have signed in within the last {AdminRights.Fresh.TotalMinutes:0} minutes: authorize again with max_age={maxAge}.");
        }

        var person = await people.FindAsync(subject, http.RequestAborted);
        return new Operator(person?.Email ?? subject, subject, role, Operator.ByApi);
    }

    /// <summary>Whether a client is configured for it that speaks for itself.</summary>
    public bool MayService(string clientId, AdminRight right) => !AdminRights.IsForPeopleOnly(right) && !holders.WithheldFromService(resources.Admin!, clientId).Contains(AdminRights.ScopeOf(right));

    private Outcome<Operator> OfService(HttpContext http, string clientId, AdminRight right)
    {
        if (!MayService(clientId, right))
        {
            Record(http, clientId, clientId, "by a service that may not do it");
            return new AdminProblem("role_missing", StatusCodes.Status403Forbidden, AdminRights.IsForPeopleOnly(right)
                ? "Only a person may do this, who is an owner and has just signed in."
                : $"This client is not configured for {AdminRights.ScopeOf(right)} any more (OAuth:StaticClients:n:AdminScopes).");
        }

        return new Operator(clientId, null, AdminRole.Owner, Operator.ByApi);
    }

    private async Task<bool> IsFreshAsync(string? sessionId, CancellationToken cancellationToken) =>
        sessionId is not null && await sessions.FindSignedInAsync(sessionId, cancellationToken) is { Session: var session } && AdminRights.IsFresh(session.AuthenticatedAt, time.GetUtcNow());

    private AdminProblem Challenge(HttpContext http, string code, string detail, string? error)
    {
        WriteChallenge(http, error, null);
        return new AdminProblem(code, StatusCodes.Status401Unauthorized, detail);
    }

    // RFC 6750 §3, RFC 9728 §5.1.
    private void WriteChallenge(HttpContext http, string? error, string? more) => http.Response.Headers.WWWAuthenticate =
        $"Bearer resource_metadata=\"{address.UrlOf(Paths.AdminApiMetadata)}\"{(error is null ? "" : $", error=\"{error}\"")}{(more is null ? "" : $", {more}")}";

    private void Record(HttpContext http, string? clientId, string? subject, string why) =>
        log.Write(http, SecurityEvent.Failure("admin_api_refused", why) with { ClientId = clientId, Subject = subject, Method = $"{http.Request.Method} {http.Request.Path.Value}" });
}
