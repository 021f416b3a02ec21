using McpIdentity.Mcp.Audit;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.Limits;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace McpIdentity.Mcp.Gate;

/// <summary>The limits of the MCP endpoint: everything together, and tool calls among it (SEED-058, SEED-059).</summary>
internal sealed class McpLimits(RateLimiter limiter, IOptions<McpOptions> options)
{
    private const int TooManyRequests = -32029;

    private readonly McpRateLimitOptions _options = options.Value.RateLimiting;

    /// <returns>True when the request was one too many and is answered.</returns>
    public async ValueTask<bool> RefusesAsync(HttpContext context, McpCall call, VerifiedCaller? caller)
    {
        if (!limiter.IsOn)
        {
            return false;
        }

        // Only a verified token names somebody: an invented one must not open a count of its own.
        var who = caller is null
            ? RateKeys.OfPeer(context)
            : RateKeys.ForName("subject", $"{caller.Identity.FindFirst(ClaimNames.Subject)?.Issuer} {caller.Subject}");
        var about = new SecurityEvent { ClientId = caller?.ClientId, Subject = caller?.Subject, Method = call.Method, Tool = call.Tool };
        var all = new RateLimit("mcp", who, _options.MaxRequests);
        var seconds = call.Method == McpMethods.ToolsCall
            ? await limiter.CheckAsync(context, about, all, new RateLimit("mcp tool calls", who, _options.MaxToolCalls))
            : await limiter.CheckAsync(context, about, all);
        if (seconds is null)
        {
            return false;
        }

        await JsonRpcError.WriteAsync(
            context, StatusCodes.Status429TooManyRequests, TooManyRequests, $"Too many requests; try again in {seconds} s", call.Id, writer =>
            {
                writer.WriteStartObject("data");
                writer.WriteString("reason", "rate_limited");
                writer.WriteNumber("retryAfter", seconds.Value);
                writer.WriteEndObject();
            });
        return true;
    }
}
