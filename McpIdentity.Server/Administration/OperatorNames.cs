using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using Microsoft.EntityFrameworkCore;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Administration;

/// <summary>Finds whom an operator names: by identifier, or by what people call them. An identifier wins; a name that several have names none of them.</summary>
internal static class OperatorNames
{
    private const int MaxListed = 10;

#pragma warning disable CA1862 // EF Core translates ToLower, and no comparison that is named
    /// <summary>All people who can be meant, by identifier, e-mail address or name.</summary>
    public static async Task<List<User>> UsersAsync(McpIdentityDbContext db, string wanted, CancellationToken cancellationToken)
    {
        if (StorableText.ForComparison(wanted, McpIdentityDbContext.Lengths.Text) is not { } text)
        {
            return [];
        }

        var lower = Lower(text);
        var found = await db.Users.Where(user => user.Id == text).ToListAsync(cancellationToken);
        found = found.Count > 0 ? found : await db.Users.Where(user => user.Email!.ToLower() == lower).OrderBy(user => user.Id).Take(MaxListed).ToListAsync(cancellationToken);
        return found.Count > 0 ? found : await db.Users.Where(user => user.Name!.ToLower() == lower).OrderBy(user => user.Id).Take(MaxListed).ToListAsync(cancellationToken);
    }

    /// <summary>All clients that can be meant, by <c>client_id</c> or name.</summary>
    public static async Task<List<OpenIddictEntityFrameworkCoreApplication>> ClientsAsync(McpIdentityDbContext db, string wanted, CancellationToken cancellationToken)
    {
        if (StorableText.ForComparison(wanted, McpIdentityDbContext.Lengths.ClientId) is not { } text)
        {
            return [];
        }

        var lower = Lower(text);
        var found = await db.Clients.Where(client => client.ClientId == text).ToListAsync(cancellationToken);
        return found.Count > 0 ? found : await db.Clients.Where(client => client.DisplayName!.ToLower() == lower).OrderBy(client => client.ClientId).Take(MaxListed).ToListAsync(cancellationToken);
    }
#pragma warning restore CA1862

    /// <summary>The only person of that name.</summary>
    public static async Task<Outcome<User>> UserAsync(McpIdentityDbContext db, string wanted, CancellationToken cancellationToken) =>
        Only(await UsersAsync(db, wanted, cancellationToken), "user", wanted, user => $"{user.Id} ({user.Provider}, {user.Email ?? user.Name})");

    /// <summary>The only client of that name.</summary>
    public static async Task<Outcome<OpenIddictEntityFrameworkCoreApplication>> ClientAsync(McpIdentityDbContext db, string wanted, CancellationToken cancellationToken) =>
        Only(await ClientsAsync(db, wanted, cancellationToken), "client", wanted, client => client.ClientId!);

    private static Outcome<T> Only<T>(List<T> found, string kind, string wanted, Func<T, string> describe) =>
        found is [var only] ? only
        : found.Count == 0 ? AdminProblem.NotFound(kind, wanted)
        : AdminProblem.Conflict($"{kind}_ambiguous", $"Several {kind}s are called {wanted}; name one by its identifier: {string.Join(", ", found.Select(describe))}.");

    private static string Lower(string text) => text.Trim().ToLowerInvariant();
}
