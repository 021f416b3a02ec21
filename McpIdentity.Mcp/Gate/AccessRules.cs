using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.Metadata;
using Microsoft.Extensions.Options;

namespace McpIdentity.Mcp.Gate;

/// <summary>The rules of the module's own endpoint.</summary>
internal sealed class AccessRules(IOptions<McpOptions> options, ToolRules tools, EndpointScopes endpoint) : IAccessRules
{
    private readonly McpOptions _options = options.Value;

    private McpAuthOptions Auth => _options.Auth;

    public ValueTask<McpAccess> DecideAsync(McpCall call, PresentedCredentials credentials, TokenOutcome token, CancellationToken cancellationToken) =>
        new(Decide(call, credentials, token));

    private McpAccess Decide(McpCall call, PresentedCredentials credentials, TokenOutcome token)
    {
        if (Auth.AuthType == McpAuthType.None)
        {
            return new McpAccess(McpOutcome.Allowed);
        }

        var scopes = tools.ScopesOf(call.Method, call.Tool);
        var isProtected = NeedsCredential(call) || scopes.Count > 0;
        if (token.Caller is not { } caller)
        {
            return RefuseCredential(credentials, token, isProtected, scopes);
        }

        // docs/decisions/0009: before any scope, or a client would step up for a tool that it does not get by it. A public tool too:
        // whom it serves without a token it still serves so.
        if (call.Method == McpMethods.ToolsCall && !caller.MayUse(call.Tool))
        {
            return new McpAccess(McpOutcome.ToolNotLeft) { Caller = caller };
        }

        // What is open to everyone is open to every valid caller; beyond that, a foreign JWT needs RequiredScopes, in full, and
        // our own token what the person read on the consent page.
        var byDefault = caller.OwnScopes is null ? [] : tools.DefaultScopesOf(call.Method, call.Tool);
        string[] missing = isProtected
            ?
            [
                .. RequiredOf(caller).Where(scope => !caller.JwtScopes!.Contains(scope)),
                .. byDefault.Where(scope => !caller.OwnScopes!.Contains(scope)),
                .. scopes.Where(scope => !caller.Scopes.Contains(scope)),
            ]
            : [];
        if (missing.Length == 0)
        {
            return new McpAccess(McpOutcome.Allowed) { Caller = caller };
        }

        return new McpAccess(missing.Contains(EndpointScopes.Admin) ? McpOutcome.AdminRequired : McpOutcome.InsufficientScopes)
        {
            Caller = caller,
            Needed = [.. RequiredOf(caller), .. byDefault, .. scopes],
            Missing = [.. missing.Distinct()],
        };
    }

    private McpAccess RefuseCredential(PresentedCredentials credentials, TokenOutcome token, bool isProtected, IReadOnlyList<string> scopes) =>
        credentials.Any || isProtected ? McpAccess.Refuse(credentials, token, Asked(scopes)) : new McpAccess(McpOutcome.Allowed);

    private bool NeedsCredential(McpCall call) => McpMethods.KindOf(call.Method) switch
    {
        McpMethodKind.Public => false,
        McpMethodKind.FirstContact => Auth.ChallengeOnFirstContact,
        McpMethodKind.ToolsList => Auth.RequireAuthForToolsList,
        McpMethodKind.ToolsCall => Auth.RequireAuthForToolsCall && !tools.IsPublic(call.Tool),
        _ => _options.AuthEnforcement.RequireAuth,
    };

    private IEnumerable<string> RequiredOf(VerifiedCaller caller) => caller.JwtScopes is null ? [] : Auth.Jwt.RequiredScopes;

    // What a client should ask for when it has nothing yet.
    private string[] Asked(IReadOnlyList<string> scopes) => Auth.AuthType == McpAuthType.Jwt && Auth.Jwt.RequiredScopes.Count > 0
        ? [.. Auth.Jwt.RequiredScopes.Concat(scopes).Distinct()]
        : [.. endpoint.ToBeginWith(scopes)];
}
