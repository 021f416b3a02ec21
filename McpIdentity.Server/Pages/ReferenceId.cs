using System.Diagnostics;

namespace McpIdentity.Server.Pages;

/// <summary>The id that a page shows and the log carries: the W3C trace id of the request.</summary>
internal static class ReferenceId
{
    public static string For(HttpContext context) => Activity.Current?.TraceId.ToHexString() ?? context.TraceIdentifier;

    /// <summary>A line in the log has said it: the error page need not.</summary>
    public static void IsInLog(HttpContext context) => context.Items[typeof(ReferenceId)] = true;

    public static bool WasLogged(HttpContext context) => context.Items.ContainsKey(typeof(ReferenceId));
}
