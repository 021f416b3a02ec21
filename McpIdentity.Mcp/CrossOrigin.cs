using McpIdentity.Mcp.Gate;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Mcp;

/// <summary>What the gate will say to a web page of another origin, for a host that answers preflights.</summary>
internal static class CrossOrigin
{
    /// <summary>Whether a request to the MCP endpoint passes the rules about origins; a preflight, whether the call that it announces would.</summary>
    public static bool Admits(HttpContext context)
    {
        var headers = context.Request.Headers;
        var showsToken = HttpMethods.IsOptions(context.Request.Method)
            ? headers.AccessControlRequestHeaders.ToString().Split(',', StringSplitOptions.TrimEntries).Contains("authorization", StringComparer.OrdinalIgnoreCase)
            : !string.IsNullOrEmpty(headers.Authorization);
        return context.RequestServices.GetRequiredService<ServedAddresses>().For(context).Site.Admits(headers.Origin.ToString(), showsToken);
    }
}
