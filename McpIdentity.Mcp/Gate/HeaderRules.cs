using System.Text;
using Microsoft.AspNetCore.Http;

namespace McpIdentity.Mcp.Gate;

/// <summary>
/// Headers that repeat the body must agree with it, or a proxy would decide on one thing and we run another (MCP 2026-07-28,
/// transports). The SDK compares them only when the version header names that revision.
/// </summary>
internal static class HeaderRules
{
    public const int HeaderMismatch = -32020;

    public static string? Check(IHeaderDictionary headers, McpCall call) =>
        CheckVersion(headers, call) ??
        CheckSame(headers, "Mcp-Method", call.Method) ??
        (call.IsNamed ? CheckSame(headers, "Mcp-Name", call.Name) : null);

    private static string? CheckVersion(IHeaderDictionary headers, McpCall call) =>
        call.ProtocolVersion is null || headers["MCP-Protocol-Version"].ToString() == call.ProtocolVersion
            ? null
            : "The MCP-Protocol-Version header does not match _meta";

    private static string? CheckSame(IHeaderDictionary headers, string header, string? inBody) =>
        !headers.TryGetValue(header, out var value) || Decode(value.ToString()) == inBody ? null : $"The {header} header does not match the body";

    // A name that is not plain ASCII travels as =?base64?…?=.
    private static string? Decode(string value)
    {
        value = value.Trim(' ', '\t');
        if (!value.StartsWith("=?base64?", StringComparison.Ordinal) || !value.EndsWith("?=", StringComparison.Ordinal) || value.Length < 11)
        {
            return value;
        }

        var bytes = new byte[value.Length];
        return Convert.TryFromBase64String(value[9..^2], bytes, out var length) ? Encoding.UTF8.GetString(bytes, 0, length) : null;
    }
}
