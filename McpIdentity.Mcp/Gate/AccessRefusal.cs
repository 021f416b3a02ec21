using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace McpIdentity.Mcp.Gate;

/// <summary>The one place that writes 401 and 403 with <c>WWW-Authenticate</c> (RFC 6750 §3, RFC 9728 §5.1).</summary>
internal sealed class AccessRefusal(IOptions<McpOptions> options)
{
    private const int Unauthorized = -32001;
    private const int Forbidden = -32003;
    private const int Unavailable = -32000;

    // RFC 6749 §3.3: the characters of a scope; others would end the quoted string.
    private static readonly SearchValues<char> ScopeCharacters = SearchValues.Create(
        [.. Enumerable.Range(0x21, 0x7E - 0x21 + 1).Select(code => (char)code).Where(character => character is not ('"' or '\\'))]);

    private readonly string _metadata = $"Bearer resource_metadata=\"{options.Value.PublicBaseUrl}{Metadata.ResourceMetadata.WellKnown}{options.Value.Path}\"";

    private string Issuer => options.Value.Auth.OAuth.Issuer ?? options.Value.PublicBaseUrl!;

    public Task WriteAsync(HttpContext context, McpCall call, McpAccess access) => access.Outcome switch
    {
        // No error= when nothing was shown (RFC 6750 §3.1).
        McpOutcome.AuthenticationRequired =>
            WriteAsync(context, call, access, StatusCodes.Status401Unauthorized, Unauthorized, "authentication_required", "Authentication required", null),
        McpOutcome.InvalidToken =>
            WriteAsync(context, call, access, StatusCodes.Status401Unauthorized, Unauthorized, "invalid_token", access.Description!, "invalid_token"),
        McpOutcome.InsufficientScopes =>
            WriteAsync(context, call, access, StatusCodes.Status403Forbidden, Forbidden, "insufficient_scopes", $"Insufficient scope: {Lacking(access)}", "insufficient_scope"),
        McpOutcome.AdminRequired =>
            WriteAsync(context, call, access, StatusCodes.Status403Forbidden, Forbidden, "admin_required", $"Administrator access required: {Lacking(access)}", "insufficient_scope"),
        McpOutcome.ToolNotLeft => WriteFinalAsync(context, call, "tool_not_allowed", "The person who connected this app did not allow it to use this tool. " +
            $"They can change that: disconnect the app under Connected apps at {Issuer}, connect it again, and allow the tool."),
        // Nothing of the rule, and nothing of what there is: who may not see a tool does not learn whether it exists.
        McpOutcome.PolicyDenied => WriteFinalAsync(context, call, "policy_denied", "The policy of this organisation does not allow this. An administrator can change it."),
        McpOutcome.WrongParameters => JsonRpcError.WriteAsync(context, StatusCodes.Status400BadRequest, McpCall.InvalidParams, call.WrongParameters, call.Id),
        _ => WriteUnavailableAsync(context, call, access),
    };

    // Without WWW-Authenticate, and so without insufficient_scope (RFC 6750 §3.1): a client that asked for scopes would get the same
    // answer again, and again.
    private static Task WriteFinalAsync(HttpContext context, McpCall call, string reason, string message) => JsonRpcError.WriteAsync(
        context, StatusCodes.Status403Forbidden, Forbidden, message, call.Id, writer =>
        {
            writer.WriteStartObject("data");
            writer.WriteString("reason", reason);
            writer.WriteEndObject();
        });

    private Task WriteAsync(
        HttpContext context, McpCall call, McpAccess access, int status, int code, string reason, string message, string? error)
    {
        var challenge = $"{_metadata}, scope=\"{string.Join(' ', Scopes(access))}\"";
        context.Response.Headers.WWWAuthenticate = error is null ? challenge : $"{challenge}, error=\"{error}\", error_description=\"{message}\"";
        return JsonRpcError.WriteAsync(context, status, code, message, call.Id, writer =>
        {
            writer.WriteStartObject("data");
            writer.WriteString("reason", reason);
            if (access.Missing.Count > 0)
            {
                writer.WriteStartArray("missingScopes");
                foreach (var scope in access.Missing)
                {
                    writer.WriteStringValue(scope);
                }

                writer.WriteEndArray();
            }

            writer.WriteEndObject();
        });
    }

    // Clients replace their scopes by these instead of adding them, and would lose what they had
    // (docs/interoperability.md, "Scopes of a challenge"). offline_access is between client and authorization server (MCP 2026-07-28).
    private static IEnumerable<string> Scopes(McpAccess access) => access.Needed
        .Concat(access.Caller?.Scopes.Order(StringComparer.Ordinal) ?? Enumerable.Empty<string>())
        .Where(scope => scope != "offline_access" && IsScope(scope))
        .Distinct(StringComparer.Ordinal);

    // Which check failed, in the words that an operator looks for (SEED-089).
    private static string Lacking(McpAccess access) => $"missing scope {string.Join(' ', access.Missing.Where(IsScope))}";

    private static bool IsScope(string scope) => scope.Length > 0 && !scope.AsSpan().ContainsAnyExcept(ScopeCharacters);

    private static Task WriteUnavailableAsync(HttpContext context, McpCall call, McpAccess access)
    {
        context.Response.Headers.RetryAfter = "30";
        return JsonRpcError.WriteAsync(
            context, StatusCodes.Status503ServiceUnavailable, Unavailable, access.Description ?? "Temporarily unavailable", call.Id);
    }
}
