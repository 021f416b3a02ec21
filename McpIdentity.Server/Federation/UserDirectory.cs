using System.Security.Claims;
using System.Security.Cryptography;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Sessions;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Server.Federation;

/// <summary>Our record of the people that providers vouch for.</summary>
internal sealed class UserDirectory(McpIdentityDbContext db, People people, TimeProvider time)
{
    /// <summary>Finds or makes the user, by provider and the provider's own subject: an e-mail address can change hands.</summary>
    /// <returns>A principal to sign in with, which the session replaces; null for somebody whom an operator has disabled.</returns>
    public async Task<ClaimsPrincipal?> RecogniseAsync(UpstreamIdentity identity, CancellationToken cancellationToken)
    {
        var user = await FindAsync(identity, cancellationToken);
        if (user is null)
        {
            user = new User
            {
                Id = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(16)),
                Provider = identity.Provider,
                ProviderSubject = identity.Subject,
                CreatedAt = time.GetUtcNow(),
            };
            db.Users.Add(user);
        }

        if (user.DisabledAt is not null)
        {
            return null;
        }

        Update(user, identity);
        try
        {
            await db.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException) when (db.Entry(user).State == EntityState.Added)
        {
            // The same person signed in for the first time in two windows at once; the other window was faster.
            db.ChangeTracker.Clear();
            user = await FindAsync(identity, cancellationToken) ?? throw new InvalidOperationException("The user could not be stored.");
        }

        people.Forget(user.Id);
        return SessionCookie.PrincipalOf(user.Id, identity.Provider, identity.AuthenticatedAt);
    }

    private Task<User?> FindAsync(UpstreamIdentity identity, CancellationToken cancellationToken) =>
        db.Users.SingleOrDefaultAsync(user => user.Provider == identity.Provider && user.ProviderSubject == identity.Subject, cancellationToken);

    private void Update(User user, UpstreamIdentity identity)
    {
        user.Name = identity.Name;
        user.Email = identity.Email;
        user.EmailVerified = identity.EmailVerified;
        user.HostedDomain = StorableText.ForComparison(identity.HostedDomain, McpIdentityDbContext.Lengths.Text);
        user.Groups = SaidGroups.Write(identity.Groups);
        user.LastSignInAt = time.GetUtcNow();
    }
}
