using McpIdentity.Mcp.Audit;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.Limits;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace McpIdentity.Mcp.Gate;

/// <summary>
/// The limits of the MCP endpoint: everything together, and tool calls among it (SEED-058, SEED-059). Only a verified token
/// names somebody: an invented one must not open a count of its own, so whoever shows none is counted by address, and before
/// the body is read.
/// </summary>
internal sealed class McpLimits(RateLimiter limiter, IOptions<McpOptions> options)
{
    private const int TooManyRequests = -32029;

    // One bad credential of a gateway must not refuse the others behind its address before they are verified.
    private const int CredentialsOfPeer = 10;

    private readonly McpRateLimitOptions _options = options.Value.RateLimiting;
    private readonly string _name = options.Value.LimitName;
    private readonly string? _server = options.Value.Server;

    /// <inheritdoc cref="RateLimiter.IsOn"/>
    public bool IsOn => limiter.IsOn;

    /// <summary>Where limits are on, before anything of the request is read or verified: is this caller, or this address, over its limit already?</summary>
    /// <param name="context">The request.</param>
    /// <param name="showsCredential">Whether it shows a credential at all.</param>
    /// <param name="known">Who showed the same credential a short while ago.</param>
    /// <returns>True when the request was one too many and is answered.</returns>
    public async ValueTask<bool> RefusesUnreadAsync(HttpContext context, bool showsCredential, VerifiedCaller? known)
    {
        var limit = known is not null ? OfCaller(known) : showsCredential ? OfCredentials(context) : OfPeer(context);
        return await RefuseAsync(context, null, limiter.Recall(context, About(null, known), limit));
    }

    /// <summary>After the credential was judged, before the body is read: whoever showed none, or a bad one, counts for the address.</summary>
    /// <inheritdoc cref="RefusesUnreadAsync"/>
    public async ValueTask<bool> RefusesStrangerAsync(HttpContext context, bool showsCredential, VerifiedCaller? caller) =>
        limiter.IsOn && caller is null &&
        await RefuseAsync(context, null, await limiter.CheckAsync(context, About(null, null), showsCredential ? [OfPeer(context), OfCredentials(context)] : [OfPeer(context)]));

    /// <summary>After the body was read, or could not be: callers by their name, and tool calls.</summary>
    /// <returns>True when the request was one too many and is answered.</returns>
    public async ValueTask<bool> RefusesAsync(HttpContext context, McpCall? call, VerifiedCaller? caller)
    {
        if (!limiter.IsOn)
        {
            return false;
        }

        var all = caller is null ? OfPeer(context) : OfCaller(caller);
        RateLimit[] limits =
        [
            .. caller is null ? Array.Empty<RateLimit>() : [all],
            .. call?.Method == McpMethods.ToolsCall ? [all with { Bucket = $"{_name} tool calls", Max = caller is null ? limiter.MaxOfPeer(context, _options.MaxToolCalls) : _options.MaxToolCalls }] : Array.Empty<RateLimit>(),
        ];
        return limits.Length > 0 && await RefuseAsync(context, call, await limiter.CheckAsync(context, About(call, caller), limits));
    }

    private static async ValueTask<bool> RefuseAsync(HttpContext context, McpCall? call, int? seconds)
    {
        if (seconds is null)
        {
            return false;
        }

        await JsonRpcError.WriteAsync(
            context, StatusCodes.Status429TooManyRequests, TooManyRequests, $"Too many requests; try again in {seconds} s", call?.Id, writer =>
            {
                writer.WriteStartObject("data");
                writer.WriteString("reason", "rate_limited");
                writer.WriteNumber("retryAfter", seconds.Value);
                writer.WriteEndObject();
            });
        return true;
    }

    private SecurityEvent About(McpCall? call, VerifiedCaller? caller) =>
        new() { ClientId = caller?.ClientId, Subject = caller?.Subject, Method = call?.Method, Tool = call?.Tool, Server = _server };

    private RateLimit OfPeer(HttpContext context) => limiter.OfPeer(context, _name, _options.MaxRequests);

    private RateLimit OfCredentials(HttpContext context) => limiter.OfPeer(context, $"{_name} bad credentials", _options.MaxRequests * CredentialsOfPeer);

    private RateLimit OfCaller(VerifiedCaller caller) =>
        new(_name, RateKeys.ForName("subject", $"{caller.Identity.FindFirst(ClaimNames.Subject)?.Issuer} {caller.Subject}"), _options.MaxRequests);
}
