using McpIdentity.Mcp;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;

namespace McpIdentity.Server.Authorization;

/// <summary>Tells our MCP endpoint which scopes we grant there: what a person may obtain, a list of tools shows them.</summary>
internal sealed class EndpointScopeGrants(ProtectedResources resources, People people, ScopeHolders holders, Administrators administrators) : IMcpScopes
{
    public bool IsGranted(string scope) => Find(scope) is not null;

    public bool IsForEverybody(string scope) => Find(scope) is { IsForEverybody: true };

    public ValueTask<bool> MayObtainAsync(string subject, string? clientId, string scope, CancellationToken cancellationToken) =>
        Find(scope) is not { } known ? new(false)
        : holders.Include(known, person: null, clientId) ? new(true)
        : known.OnlyFor is [Scope.Administrators] && !administrators.AreNamed ? new(false)
        : IsForAsync(known, subject, clientId, cancellationToken);

    private Scope? Find(string scope) => resources.Own?.Grantable.FirstOrDefault(known => known.Name == scope);

    private async ValueTask<bool> IsForAsync(Scope scope, string subject, string? clientId, CancellationToken cancellationToken)
    {
        try
        {
            return await people.FindAsync(subject, cancellationToken) is { } person &&
                holders.Include(scope, VouchedPerson.Of(subject, person), clientId);
        }
        catch (Exception exception) when (StorageFaults.IsOne(exception))
        {
            return false; // the list is good without it, and the next one shows it
        }
    }
}
