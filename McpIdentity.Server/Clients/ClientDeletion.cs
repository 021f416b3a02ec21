using McpIdentity.Migrations;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Clients;

/// <summary>
/// How a client goes. Of one whose identifier says what it registered a bare row stays, or the next request would bring it
/// back; whether such identifiers are made at the moment does not matter.
/// </summary>
internal static class ClientDeletion
{
    /// <summary>The properties of a client whose row is there so that it stays deleted.</summary>
    public const string Deleted = """{"deleted":true}""";

    /// <param name="properties">OpenIddict's properties of a client, as they are stored.</param>
    public static bool IsDeleted(string? properties) => properties == Deleted;

    public static Task<int> DeleteClientAsync(this McpIdentityDbContext db, string clientId, DateTimeOffset now)
    {
        var client = db.Clients.Where(stored => stored.ClientId == clientId);
        var token = Guid.NewGuid().ToString(); // whoever has read it writes over it no more
        return db.WriteAsync(
            () => SignedClientIds.LookLikeOne(clientId)
                ? client.ExecuteUpdateAsync(set => set
                    .SetProperty(stored => stored.Properties, Deleted)
                    .SetProperty(stored => stored.ConcurrencyToken, token)
                    .SetProperty(stored => stored.ClientSecret, (string?)null)
                    .SetProperty(stored => stored.DisplayName, (string?)null)
                    .SetProperty(stored => stored.JsonWebKeySet, (string?)null)
                    .SetProperty(stored => stored.RedirectUris, (string?)null)
                    .SetProperty(stored => stored.Permissions, (string?)null)
                    .SetProperty(stored => EF.Property<DateTimeOffset?>(stored, ClientColumns.DisabledAt), (DateTimeOffset?)now)
                    .SetProperty(stored => EF.Property<DateTimeOffset?>(stored, ClientColumns.AwaitingApprovalSince), (DateTimeOffset?)null)
                    // Nothing that is pruned.
                    .SetProperty(stored => EF.Property<DateTimeOffset?>(stored, ClientColumns.RegisteredAt), (DateTimeOffset?)null))
                : client.ExecuteDeleteAsync(),
            CancellationToken.None);
    }
}
