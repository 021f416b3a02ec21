using System.Text;
using McpIdentity.Mcp;
using McpIdentity.Server.Protocol;
using ModelContextProtocol.Protocol;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Authorization;

/// <summary>What the consent page of one request lets its person choose among.</summary>
/// <param name="Scopes">What was asked for.</param>
/// <param name="Locked">Of these, what cannot be refused but by refusing everything.</param>
/// <param name="Tools">What those scopes let a client call at our own MCP endpoint.</param>
/// <param name="CanStay">The client is given a refresh token unless the person objects, whether or not it asked for one.</param>
internal sealed record ConsentOffer(IReadOnlyList<string> Scopes, IReadOnlyList<string> Locked, IReadOnlyList<Tool> Tools, bool CanStay)
{
    /// <summary>The name of the boxes of scopes; that of <c>offline_access</c> stands for <see cref="ConsentChoice.StaysConnected"/>.</summary>
    public const string ScopeBox = "scope";

    /// <summary>The name of a field that says that the form has boxes: without one, as of a server of the release before, none is a choice.</summary>
    public const string HasBoxes = "boxes";

    /// <summary>The name of the boxes of tools.</summary>
    public const string ToolBox = "tool";

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
internal sealed class ConsentOffers(ProtectedResources resources, IServiceProvider services)
{
    // Chosen tools stand in every access token, as JSON and in base64, which has to fit into a header with all else: beyond, there are no boxes.
    private const int MaxBytes = 3000;

    private readonly IMcpTools? _tools = services.GetService<IMcpTools>();

    public ConsentOffer For(PendingAuthorization request)
    {
        var scopes = request.Scopes.Split(' ');
        string[] ofResource = [.. scopes.Where(scope => resources.Get(request.Resource)?.Opens([scope]) == true)];
        return new ConsentOffer(
            scopes,
            // Without one of its own nothing of the resource is open; who somebody is (sub) every access token says.
            [.. ofResource.Length == 1 ? ofResource : [], .. scopes.Where(scope => scope == Scopes.OpenId)],
            CallableWith(request.Resource, scopes),
            request.MayRefresh == true)
        {
            IsFixed = request.Approval == Approval.ByOperator,
        };
    }

    /// <summary>The tools among which anybody can choose at a resource: those of our own endpoint.</summary>
    public IReadOnlyList<string> ToolsAt(string resource) =>
        _tools is not null && resource == resources.Own?.Identifier && _tools.Names is var names && names.Sum(name => Encoding.UTF8.GetByteCount(name) + 3) <= MaxBytes ? names : [];

    /// <summary>Those of <see cref="ToolsAt"/> that a client with these scopes can call.</summary>
    public IReadOnlyList<Tool> CallableWith(string resource, IReadOnlyCollection<string> scopes) =>
        ToolsAt(resource).Count > 0 ? _tools!.CallableWith(scopes) : [];
}
