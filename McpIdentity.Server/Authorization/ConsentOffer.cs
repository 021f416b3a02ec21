using System.Text;
using McpIdentity.Mcp;
using McpIdentity.Server.Catalogue;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using ModelContextProtocol.Protocol;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Authorization;

/// <summary>What the consent page of one request lets its person choose among.</summary>
/// <param name="Scopes">What was asked for.</param>
/// <param name="Locked">Of these, what cannot be refused but by refusing everything.</param>
/// <param name="Tools">What those scopes let a client call at our own MCP endpoint, or at a server behind this one of what policy gives the person.</param>
/// <param name="CanStay">The client is given a refresh token unless the person objects, whether or not it asked for one.</param>
internal sealed record ConsentOffer(IReadOnlyList<string> Scopes, IReadOnlyList<string> Locked, IReadOnlyList<Tool> Tools, bool CanStay)
{
    /// <summary>The name of the boxes of scopes; that of <c>offline_access</c> stands for <see cref="ConsentChoice.StaysConnected"/>.</summary>
    public const string ScopeBox = "scope";

    /// <summary>The name of a field that says that the form has boxes: without one, as of a server of the release before, none is a choice.</summary>
    public const string HasBoxes = "boxes";

    /// <summary>The name of the boxes of tools.</summary>
    public const string ToolBox = "tool";

    /// <summary>Of the tools, those that policy gives only to whom they are left by name: they are not ticked at first.</summary>
    public IReadOnlyList<string> Asked { get; init; } = [];

    /// <summary>Who chooses, through which client, as policy knows them.</summary>
    public PolicyCaller? Caller { get; init; }

    /// <summary>The operator has answered for everybody: there is nothing to choose.</summary>
    public bool IsFixed { get; init; }

    /// <summary>
    /// What the boxes of a form say. Others than those that the page showed mean nothing, however often they come; what is locked
    /// has no box that a browser would send.
    /// </summary>
    /// <returns>Without the tools that the page did not show: <see cref="Consents.GrantAsync"/> knows of them.</returns>
    public ConsentChoice Choose(IEnumerable<string?> scopes, IEnumerable<string?> tools)
    {
        var (ticked, left) = (scopes.ToHashSet(StringComparer.Ordinal), tools.ToHashSet(StringComparer.Ordinal));
        var stays = !CanStay || IsFixed || ticked.Contains(OpenIddict.Abstractions.OpenIddictConstants.Scopes.OfflineAccess);
        return IsFixed
            ? new ConsentChoice(Scopes, null, stays)
            : new ConsentChoice(
                [.. Scopes.Where(scope => ticked.Contains(scope) || Locked.Contains(scope))],
                [.. Tools.Select(tool => tool.Name).Where(left.Contains)],
                stays);
    }
}

/// <summary>Knows what there is to choose for a request.</summary>
internal sealed class ConsentOffers(ProtectedResources resources, PolicyDecisions policy, ToolCatalogue catalogue, IServiceProvider services)
{
    // Chosen tools stand in every access token, as JSON and in base64, which has to fit into a header with all else: beyond, there are no boxes.
    private const int MaxBytes = 3000;

    private readonly IMcpTools? _tools = services.GetService<IMcpTools>();

    /// <param name="request">What a client asks for.</param>
    /// <param name="person">Of whom.</param>
    public ConsentOffer For(PendingAuthorization request, SignedInPerson person)
    {
        var scopes = request.Scopes.Split(' ');
        string[] ofResource = [.. scopes.Where(scope => resources.Get(request.Resource)?.Opens([scope]) == true)];
        var caller = CallerOf(person, request);
        return new ConsentOffer(
            scopes,
            // Without one of its own nothing of the resource is open; who somebody is (sub) every access token says.
            [.. ofResource.Length == 1 ? ofResource : [], .. scopes.Where(scope => scope == Scopes.OpenId)],
            CallableWith(request.Resource, scopes, caller),
            request.MayRefresh == true)
        {
            IsFixed = request.Approval == Approval.ByOperator,
            Asked = AskedAt(request.Resource, caller),
            Caller = caller,
        };
    }

    /// <summary>A person through a client, as policy knows them.</summary>
    public PolicyCaller CallerOf(SignedInPerson person, PendingAuthorization request) => policy.CallerOf(VouchedPerson.Of(person), request.ClientId);

    /// <summary>The tools among which somebody can choose at a resource: those of our own endpoint, or of a server behind this one what policy gives them.</summary>
    /// <param name="resource">Where.</param>
    /// <param name="caller">Who; null: whoever it is.</param>
    public IReadOnlyList<string> ToolsAt(string resource, PolicyCaller? caller)
    {
        IReadOnlyList<string> names = resources.Get(resource)?.Fronted is { } server ? [.. FrontedTools(server, caller).Select(tool => tool.Tool.Name)]
            : _tools is not null && resource == resources.Own?.Identifier ? _tools.Names
            : [];
        return names.Sum(name => Encoding.UTF8.GetByteCount(name) + 3) <= MaxBytes ? names : [];
    }

    /// <summary>Of <see cref="ToolsAt"/>, those that are somebody's only where they are left to the client by name.</summary>
    public IReadOnlyList<string> AskedAt(string resource, PolicyCaller? caller) => resources.Get(resource)?.Fronted is { } server && ToolsAt(resource, caller).Count > 0
        ? [.. FrontedTools(server, caller).Where(tool => tool.Effect == PolicyEffect.Ask).Select(tool => tool.Tool.Name)]
        : [];

    /// <summary>Those of <see cref="ToolsAt"/> that a client with these scopes can call.</summary>
    public IReadOnlyList<Tool> CallableWith(string resource, IReadOnlyCollection<string> scopes, PolicyCaller? caller) =>
        ToolsAt(resource, caller).Count == 0 ? []
        : resources.Get(resource)?.Fronted is { } server ? [.. FrontedTools(server, caller).Where(tool => server.ScopesOf(tool.Tool.Name).All(scopes.Contains)).Select(tool => Describe(tool.Tool))]
        : _tools!.CallableWith(scopes);

    // What waits for a review is nobody's yet.
    private IEnumerable<(CatalogueTool Tool, PolicyEffect Effect)> FrontedTools(FrontedResource server, PolicyCaller? caller) => catalogue.AllOf(server.Server)
        .Where(known => !known.IsHeld(server.Review))
        .Select(known => (known.Seen, Effect: caller is null ? PolicyEffect.Allow : policy.Decide(caller, server.Server, new PolicyTarget(PolicyTargetKind.Tool, known.Seen.Name)
        {
            ReadOnly = known.Seen.ReadOnly,
            Destructive = known.Seen.Destructive,
        }).Effect))
        .Where(tool => tool.Effect != PolicyEffect.Deny);

    private static Tool Describe(CatalogueTool tool) => new()
    {
        Name = tool.Name,
        Title = tool.Title,
        Description = tool.Description,
        Annotations = new ToolAnnotations { ReadOnlyHint = tool.ReadOnly, DestructiveHint = tool.Destructive },
    };
}
