using McpIdentity.Migrations;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// Which account a person is asked for before an app gets its answer: that at the server behind this one which the request is about,
/// where each person has one of their own and they have not connected it yet (docs/gateway.md, "People's own accounts").
/// </summary>
internal sealed class MissingAccounts(ProtectedResources resources, PolicyDecisions policy, McpIdentityDbContext db)
{
    /// <param name="request">What an app asks for.</param>
    /// <param name="person">Of whom.</param>
    /// <param name="caller">The person through the app, as policy knows them: who may do nothing there needs no account.</param>
    /// <param name="cancellationToken">Of the HTTP request.</param>
    /// <returns>The server's name; null where nobody is asked.</returns>
    public async Task<string?> FindAsync(PendingAuthorization request, SignedInPerson person, PolicyCaller caller, CancellationToken cancellationToken) =>
        resources.Get(request.Resource)?.Fronted is { NeedsAccount: true, Server: var server } && policy.MayReach(caller, server) &&
        !await db.UpstreamConnections.AnyAsync(row => row.UserId == person.UserId && row.Server == server, cancellationToken)
            ? server
            : null;
}
