using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.Metadata;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using ModelContextProtocol.Protocol;

namespace McpIdentity.Mcp.Gate;

/// <summary>What settings and the tools themselves say about who may call them, and who sees them.</summary>
internal sealed partial class ToolRules(IOptions<McpOptions> options, DeclaredTools tools, IServiceProvider services, ILogger<ToolRules> logger) : IMcpTools
{
    private static readonly string[] OfCalls = [EndpointScopes.Call];

    private readonly McpAuthOptions _auth = options.Value.Auth;
    private readonly IMcpScopes? _granted = services.GetService<IMcpScopes>();

    /// <inheritdoc cref="DeclaredTools.IsPublic"/>
    public bool IsPublic(string? tool) => tools.IsPublic(tool);

    /// <summary>
    /// What a call needs. A tool that settings open to everyone stays open: what guards <c>tools/call</c> in general does not
    /// close it. A tool with scopes of its own is never open.
    /// </summary>
    public IReadOnlyList<string> ScopesOf(string? method, string? tool)
    {
        var ofTool = tools.ScopesOf(tool);
        return method is not null && _auth.MethodScopes.TryGetValue(method, out var ofMethod) && (ofTool.Count > 0 || !IsPublic(tool))
            ? [.. ofMethod.Union(ofTool)]
            : ofTool;
    }

    /// <summary>
    /// What a protected call needs of a token of our own where settings say nothing of its method. People read on the consent
    /// page that <c>mcp:call</c> runs the tools; a tool with scopes of its own has words of its own there.
    /// </summary>
    public IReadOnlyList<string> DefaultScopesOf(string? method, string? tool) =>
        method == McpMethods.ToolsCall && !_auth.MethodScopes.ContainsKey(McpMethods.ToolsCall) && tools.ScopesOf(tool).Count == 0 ? OfCalls : [];

    /// <summary>
    /// Whether <c>tools/list</c> shows the tool: nobody sees what they cannot have (SEED-023). What a person may still obtain
    /// is shown, or their client would never ask for it (403, step-up).
    /// </summary>
    public async ValueTask<bool> IsVisibleAsync(string tool, VerifiedCaller? caller, CancellationToken cancellationToken)
    {
        if (_auth.AuthType == McpAuthType.None)
        {
            return true;
        }

        if (caller?.MayUse(tool) == false)
        {
            return false; // only their person can give it back, and not by a step-up
        }

        // What the method needs shows nobody less: a client that sees the tool asks for those scopes when it calls.
        var scopes = tools.ScopesOf(tool);
        if (caller is null)
        {
            return IsVisibleToAnonymous(tool, scopes);
        }

        foreach (var scope in scopes.Where(scope => !caller.Scopes.Contains(scope)))
        {
            // The scopes of a JWT are its issuer's matter: here its caller has no way to get more.
            if (caller.JwtScopes is not null || !await MayObtainAsync(caller, scope, cancellationToken))
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public IReadOnlyList<Tool> CallableWith(IReadOnlyCollection<string> scopes)
    {
        if (!_auth.AcceptsOAuth)
        {
            return [];
        }

        List<Tool> open = [], opened = [];
        foreach (var tool in tools.All.Select(tool => tool.ProtocolTool).OrderBy(tool => tool.Name, StringComparer.Ordinal))
        {
            var ofTool = ScopesOf(McpMethods.ToolsCall, tool.Name);
            if (ofTool.Count == 0 && (IsPublic(tool.Name) || !_auth.RequireAuthForToolsCall))
            {
                open.Add(tool);
            }
            else if (ofTool.Concat(DefaultScopesOf(McpMethods.ToolsCall, tool.Name)).All(scopes.Contains))
            {
                opened.Add(tool);
            }
        }

        return opened.Count > 0 || scopes.Contains(EndpointScopes.Call) ? [.. opened.Concat(open).OrderBy(tool => tool.Name, StringComparer.Ordinal)] : [];
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Names => [.. tools.Names.Order(StringComparer.Ordinal)];

    /// <summary>A misspelt name would leave a tool closed, or a denial without effect: said at the start.</summary>
    public void WarnOfUnknownTools()
    {
        foreach (var (setting, names) in new[] { ("PublicTools", _auth.PublicTools), ("DenyPublicTools", _auth.DenyPublicTools) })
        {
            foreach (var name in names.Where(name => name != DeclaredTools.DefaultWord && !tools.Has(name)))
            {
                UnknownTool(setting, name);
            }
        }
    }

    /// <summary>A scope that nobody can be granted closes a tool to everybody; a JWT of another issuer may have it.</summary>
    public void WarnOfUnobtainableScopes()
    {
        if (_granted is null || _auth.AuthType != McpAuthType.OAuth)
        {
            return;
        }

        var needed = tools.Names.Select(tool => (Name: tool, Scopes: tools.ScopesOf(tool)))
            .Concat(_auth.MethodScopes.Select(method => (Name: method.Key, Scopes: (IReadOnlyList<string>)[.. method.Value])));
        foreach (var (name, scopes) in needed)
        {
            foreach (var scope in scopes.Where(scope => !_granted.IsGranted(scope)))
            {
                UnobtainableScope(name, scope);
            }
        }
    }

    private bool IsVisibleToAnonymous(string tool, IReadOnlyList<string> scopes) => _auth.AnonymousListing == McpAnonymousListing.All
        ? scopes.Count == 0 || (_auth.AcceptsOAuth && scopes.All(IsForEverybody))
        : scopes.Count == 0 && (IsPublic(tool) || (!_auth.RequireAuthForToolsCall && ScopesOf(McpMethods.ToolsCall, tool).Count == 0));

    private bool IsForEverybody(string scope) => _granted?.IsForEverybody(scope) ?? scope != EndpointScopes.Admin;

    private ValueTask<bool> MayObtainAsync(VerifiedCaller caller, string scope, CancellationToken cancellationToken) =>
        _granted?.MayObtainAsync(caller.Subject, caller.ClientId, scope, cancellationToken) ?? new(scope != EndpointScopes.Admin);

    [LoggerMessage(3201, LogLevel.Warning, "Mcp:Auth:{Setting} names '{Tool}', but there is no such tool.")]
    private partial void UnknownTool(string setting, string tool);

    [LoggerMessage(3202, LogLevel.Warning,
        "{Name} needs the scope '{Scope}', which this server grants to nobody. An entry of OAuth:Resources for this MCP endpoint can add it, with the words of the consent page.")]
    private partial void UnobtainableScope(string name, string scope);
}
