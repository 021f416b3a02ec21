using System.Diagnostics;

namespace McpIdentity.Server.Pages;

/// <summary>The id that a page shows and the log carries: the W3C trace id of the request.</summary>
internal static class ReferenceId
{
    public static string For(HttpContext context) => Activity.Current?.TraceId.ToHexString() ?? context.TraceIdentifier;
}
