using McpIdentity.Mcp;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Authorization;

/// <summary>Tells our MCP endpoint which scopes we grant there: what a person may obtain, a list of tools shows them.</summary>
internal sealed class EndpointScopeGrants(ProtectedResources resources, People people, Administrators administrators, IOptions<McpHostOptions> mcp) : IMcpScopes
{
    public bool IsGranted(string scope) => resources.Own?.Grantable.Any(known => known.Name == scope) == true;

    public ValueTask<bool> MayObtainAsync(string subject, string scope, CancellationToken cancellationToken) =>
        !IsGranted(scope) ? new(false)
        : scope != ServerScopes.McpAdmin ? new(true)
        : mcp.Value.AdminUsers.Count == 0 ? new(false)
        : IsAdministratorAsync(subject, cancellationToken);

    private async ValueTask<bool> IsAdministratorAsync(string subject, CancellationToken cancellationToken)
    {
        try
        {
            var person = await people.FindAsync(subject, cancellationToken);
            return person is not null && administrators.Include(subject, person.Provider, person.Email, person.EmailVerified);
        }
        catch (Exception exception) when (StorageFaults.IsOne(exception))
        {
            return false; // the list is good without it, and the next one shows it
        }
    }
}
