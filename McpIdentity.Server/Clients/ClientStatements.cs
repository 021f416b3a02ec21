using System.Data.Common;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Clients;

/// <summary>A client's row by prepared statements: read when a request names a client that this node does not remember, written by each registration.</summary>
internal static class ClientStatements
{
    // A disabled client is as good as unknown.
    private const string Select = """
        SELECT "Id", "ClientId", "ClientType", "ApplicationType", "ConsentType", "ConcurrencyToken", "ClientSecret", "DisplayName", "DisplayNames", "JsonWebKeySet", "Permissions",
            "PostLogoutRedirectUris", "Properties", "RedirectUris", "Requirements", "Settings", "AwaitingApprovalSince" FROM "OpenIddictApplications" WHERE "DisabledAt" IS NULL
        """;

    public const string ByClientId = Select + " AND \"ClientId\" = $1";

    public const string ById = Select + " AND \"Id\" = $1";

    public const string Insert = """
        INSERT INTO "OpenIddictApplications" ("Id", "ClientId", "ClientType", "ApplicationType", "ConsentType", "ConcurrencyToken", "ClientSecret", "DisplayName", "DisplayNames", "JsonWebKeySet",
            "Permissions", "PostLogoutRedirectUris", "Properties", "RedirectUris", "Requirements", "Settings", "RegisteredAt", "AwaitingApprovalSince")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
        """;

    /// <param name="client">A new one.</param>
    /// <param name="registeredAt">When it registered itself.</param>
    /// <param name="awaitsApproval">Whether it waits for an operator from then on.</param>
    public static object?[] ValuesOf(OpenIddictEntityFrameworkCoreApplication client, DateTimeOffset registeredAt, bool awaitsApproval) =>
    [
        client.Id, client.ClientId, client.ClientType, client.ApplicationType, client.ConsentType, client.ConcurrencyToken, client.ClientSecret, client.DisplayName, client.DisplayNames, client.JsonWebKeySet,
        client.Permissions, client.PostLogoutRedirectUris, client.Properties, client.RedirectUris, client.Requirements, client.Settings, registeredAt, awaitsApproval ? registeredAt : null,
    ];

    /// <returns>A copy that is only read, with a mark where the client waits for an operator (<see cref="ClientApproval"/>).</returns>
    public static Found Read(DbDataReader row)
    {
        var client = new OpenIddictEntityFrameworkCoreApplication
        {
            Id = Text(0),
            ClientId = Text(1),
            ClientType = Text(2),
            ApplicationType = Text(3),
            ConsentType = Text(4),
            ConcurrencyToken = Text(5),
            ClientSecret = Text(6),
            DisplayName = Text(7),
            DisplayNames = Text(8),
            JsonWebKeySet = Text(9),
            Permissions = Text(10),
            PostLogoutRedirectUris = Text(11),
            Properties = Text(12),
            RedirectUris = Text(13),
            Requirements = Text(14),
            Settings = Text(15),
        };
        var waits = !row.IsDBNull(16);
        if (waits)
        {
            ClientApproval.Mark(client);
        }

        return new Found(client, waits);

        string? Text(int column) => row.IsDBNull(column) ? null : row.GetString(column);
    }

    internal sealed record Found(OpenIddictEntityFrameworkCoreApplication Client, bool Waits);
}
