using McpIdentity.Migrations.Entities;
using Microsoft.AspNetCore.DataProtection.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Migrations;

/// <summary>Everything the server remembers. One subclass a provider, because each has its own migrations.</summary>
public abstract class McpIdentityDbContext(DbContextOptions options) : DbContext(options), IDataProtectionKeyContext
{
    public DbSet<User> Users => Set<User>();

    public DbSet<SignInSession> SignInSessions => Set<SignInSession>();

    public DbSet<OpenIddictEntityFrameworkCoreApplication> Clients => Set<OpenIddictEntityFrameworkCoreApplication>();

    public DbSet<UpstreamState> UpstreamStates => Set<UpstreamState>();

    public DbSet<Consent> Consents => Set<Consent>();

    public DbSet<Grant> Grants => Set<Grant>();

    public DbSet<Revocation> Revocations => Set<Revocation>();

    public DbSet<SigningKey> SigningKeys => Set<SigningKey>();

    public DbSet<AuditEntry> AuditEntries => Set<AuditEntry>();

    public DbSet<AuditHead> AuditHeads => Set<AuditHead>();

    public DbSet<AdministratorRole> AdministratorRoles => Set<AdministratorRole>();

    public DbSet<SetupLink> SetupLinks => Set<SetupLink>();

    public DbSet<IdempotentAnswer> IdempotentAnswers => Set<IdempotentAnswer>();

    public DbSet<Node> Nodes => Set<Node>();

    public DbSet<UsedAssertion> UsedAssertions => Set<UsedAssertion>();

    public DbSet<InitialAccessToken> InitialAccessTokens => Set<InitialAccessToken>();

    public DbSet<PolicyVersion> PolicyVersions => Set<PolicyVersion>();

    public DbSet<GatewayServer> GatewayServers => Set<GatewayServer>();

    public DbSet<GatewayTool> GatewayTools => Set<GatewayTool>();

    public DbSet<GatewayContact> GatewayContacts => Set<GatewayContact>();

    public DbSet<UpstreamConnection> UpstreamConnections => Set<UpstreamConnection>();

    public DbSet<UpstreamRegistration> UpstreamRegistrations => Set<UpstreamRegistration>();

    public DbSet<DataProtectionKey> DataProtectionKeys => Set<DataProtectionKey>();

    /// <summary>Around each write that is not <c>SaveChangesAsync</c>: an update or delete in bulk, a transaction of several.</summary>
    /// <param name="write">On SQLite runs when no other write of this process does; on PostgreSQL at once.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public virtual Task<T> WriteAsync<T>(Func<Task<T>> write, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(write);
        return write();
    }

    /// <summary>Refuses a client from a moment on, or with null lets it in again.</summary>
    /// <returns>False when there is no such client.</returns>
    public async Task<bool> SetClientDisabledAsync(string clientId, DateTimeOffset? at, CancellationToken cancellationToken) => await WriteAsync(
        () => Clients.Where(client => client.ClientId == clientId)
            .ExecuteUpdateAsync(set => set.SetProperty(client => EF.Property<DateTimeOffset?>(client, ClientColumns.DisabledAt), at), cancellationToken),
        cancellationToken) == 1;

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        base.OnModelCreating(modelBuilder);
        modelBuilder.UseOpenIddict();

        // A client ID metadata document's address is the client_id; OpenIddict's 100 characters are too few for it.
        modelBuilder.Entity<OpenIddictEntityFrameworkCoreApplication>(client =>
        {
            client.Property(c => c.ClientId).HasMaxLength(Lengths.ClientId);
            foreach (var column in (string[])[ClientColumns.RegisteredAt, ClientColumns.LastUsedAt, ClientColumns.DisabledAt, ClientColumns.AwaitingApprovalSince])
            {
                // OpenIddict's store writes whole rows, from copies that know nothing of these columns.
                client.Property<DateTimeOffset?>(column).Metadata.SetAfterSaveBehavior(PropertySaveBehavior.Ignore);
            }

            client.HasIndex(ClientColumns.LastUsedAt, ClientColumns.RegisteredAt);
            client.HasIndex(ClientColumns.AwaitingApprovalSince);
        });

        modelBuilder.Entity<User>(user =>
        {
            user.Property(u => u.Id).HasMaxLength(Lengths.Id);
            user.Property(u => u.Provider).HasMaxLength(Lengths.Name);
            user.Property(u => u.ProviderSubject).HasMaxLength(Lengths.Text);
            user.Property(u => u.Name).HasMaxLength(Lengths.Text);
            user.Property(u => u.Email).HasMaxLength(Lengths.Text);
            user.Property(u => u.HostedDomain).HasMaxLength(Lengths.Text);
            user.HasIndex(u => new { u.Provider, u.ProviderSubject }).IsUnique();
        });

        modelBuilder.Entity<SignInSession>(session =>
        {
            session.Property(s => s.Id).HasMaxLength(Lengths.Id);
            session.Property(s => s.UserId).HasMaxLength(Lengths.Id);
            session.Property(s => s.Provider).HasMaxLength(Lengths.Name);
            session.Property(s => s.DeviceHint).HasMaxLength(Lengths.Text);
            session.Property(s => s.Network).HasMaxLength(Lengths.Id);
            session.HasOne<User>().WithMany().HasForeignKey(s => s.UserId);
            session.HasIndex(s => s.KeptUntil);
        });

        modelBuilder.Entity<UpstreamState>(state =>
        {
            state.Property(s => s.Id).HasMaxLength(Lengths.Id);
            state.HasIndex(s => s.ExpiresAt);
        });

        modelBuilder.Entity<Consent>(consent =>
        {
            // Servers of 0.1.0 read and write "Consents", which does not say where the answer goes.
            consent.ToTable("RememberedConsents");
            consent.Property(c => c.Id).HasMaxLength(Lengths.Id);
            consent.HasIndex(c => c.UserId);
            consent.HasIndex(c => c.ClientId);
            consent.Property(c => c.RedirectUri).HasMaxLength(Lengths.ClientId);
            consent.Property(c => c.UserId).HasMaxLength(Lengths.Id);
            consent.Property(c => c.ClientId).HasMaxLength(Lengths.ClientId);
            consent.Property(c => c.Resource).HasMaxLength(Lengths.ClientId);
            consent.Property(c => c.Scopes).HasMaxLength(Lengths.ClientId);
            consent.Property(c => c.LastScopes).HasMaxLength(Lengths.ClientId).HasDefaultValue("");
        });

        modelBuilder.Entity<Grant>(grant =>
        {
            grant.Property(g => g.Id).HasMaxLength(16);
            grant.Property(g => g.UserId).HasMaxLength(Lengths.Id);
            grant.Property(g => g.ClientId).HasMaxLength(Lengths.ClientId);
            grant.Property(g => g.SessionId).HasMaxLength(Lengths.Id);
            grant.HasIndex(g => new { g.UserId, g.ClientId });
            grant.HasIndex(g => g.ClientId);
            grant.HasIndex(g => g.SessionId);
            grant.HasIndex(g => g.ExpiresOn);
            grant.Property(g => g.ExpiresOn).HasDefaultValue(DateTimeOffset.UnixEpoch); // of rows that a server of before writes: each is looked at
            if (Database.IsNpgsql())
            {
                grant.HasStorageParameter("fillfactor", 70); // room beside a row for what it becomes: a heap-only update stays on its page
            }
        });

        modelBuilder.Entity<Revocation>(revocation =>
        {
            revocation.Property(r => r.Target).HasMaxLength(Lengths.ClientId);
            revocation.HasIndex(r => r.RevokedAt);
            revocation.HasIndex(r => r.ExpiresAt);
        });

        modelBuilder.Entity<AuditEntry>(entry =>
        {
            entry.Property(e => e.Node).HasMaxLength(Lengths.Text);
            entry.Property(e => e.Event).HasMaxLength(Lengths.Name);
            entry.Property(e => e.Level).HasMaxLength(Lengths.Name);
            entry.Property(e => e.Result).HasMaxLength(Lengths.Name);
            entry.Property(e => e.Actor).HasMaxLength(Lengths.Text);
            entry.Property(e => e.ClientId).HasMaxLength(Lengths.ClientId);
            entry.Property(e => e.Subject).HasMaxLength(Lengths.Text);
            entry.Property(e => e.Resource).HasMaxLength(Lengths.ClientId);
            entry.Property(e => e.Tool).HasMaxLength(Lengths.Tool);
            entry.Property(e => e.Flow).HasMaxLength(Lengths.Id);
            entry.Property(e => e.GrantId).HasMaxLength(Lengths.Id);
            entry.Property(e => e.TraceId).HasMaxLength(Lengths.Id);
            entry.Property(e => e.Address).HasMaxLength(Lengths.Id);
            entry.Property(e => e.Hash).HasMaxLength(32);
            entry.HasIndex(e => new { e.Node, e.Sequence }).IsUnique();
            // Without the rows that have none: each index is paid for with every row.
            entry.HasIndex(e => e.At);
            entry.HasIndex(e => new { e.Subject, e.Id }).HasFilter("\"Subject\" IS NOT NULL");
            entry.HasIndex(e => new { e.ClientId, e.Id }).HasFilter("\"ClientId\" IS NOT NULL");
            entry.HasIndex(e => e.Flow).HasFilter("\"Flow\" IS NOT NULL");
            entry.HasIndex(e => e.GrantId).HasFilter("\"GrantId\" IS NOT NULL");
            entry.HasIndex(e => e.TraceId).HasFilter("\"TraceId\" IS NOT NULL");
            entry.HasIndex(e => new { e.Event, e.Id });
            entry.HasIndex(e => new { e.ClientId, e.Event, e.At }).HasFilter($"\"ClientId\" IS NOT NULL AND \"Event\" IN ({string.Join(", ", AuditEntry.ClientMarks.Select(mark => $"'{mark}'"))})");
            entry.HasIndex(e => new { e.Address, e.Id }).HasFilter("\"Address\" IS NOT NULL");
            // What operators did is little among all that happens.
            entry.HasIndex(e => e.Id).HasFilter("\"Actor\" IS NOT NULL").HasDatabaseName("IX_AuditEntries_Acts");
        });

        modelBuilder.Entity<AuditHead>(head =>
        {
            head.HasKey(h => h.Node);
            head.Property(h => h.Node).HasMaxLength(Lengths.Text);
            head.Property(h => h.Hash).HasMaxLength(32);
            head.Property(h => h.PrunedHash).HasMaxLength(32);
            head.Property(h => h.KeyId).HasMaxLength(Lengths.Id);
            head.Property(h => h.Signature).HasMaxLength(32);
        });

        modelBuilder.Entity<AdministratorRole>(role =>
        {
            role.HasKey(r => r.UserId);
            role.Property(r => r.UserId).HasMaxLength(Lengths.Id);
            role.Property(r => r.Role).HasMaxLength(Lengths.Name);
            role.Property(r => r.GrantedBy).HasMaxLength(Lengths.Text);
        });

        modelBuilder.Entity<SetupLink>(link =>
        {
            link.HasKey(l => l.Hash);
            link.Property(l => l.Hash).HasMaxLength(32);
        });

        modelBuilder.Entity<IdempotentAnswer>(answer =>
        {
            answer.Property(a => a.Id).HasMaxLength(32);
            answer.Property(a => a.Request).HasMaxLength(32);
            answer.HasIndex(a => a.ExpiresAt);
        });

        modelBuilder.Entity<SigningKey>(key =>
        {
            key.Property(k => k.Id).HasMaxLength(Lengths.Id);
            key.Property(k => k.Algorithm).HasMaxLength(Lengths.Name);
        });

        modelBuilder.Entity<UsedAssertion>(assertion =>
        {
            assertion.Property(a => a.Id).HasMaxLength(Lengths.Id);
            assertion.HasIndex(a => a.ExpiresAt);
        });

        modelBuilder.Entity<InitialAccessToken>(token =>
        {
            token.Property(t => t.Id).HasMaxLength(Lengths.Id);
            token.Property(t => t.Name).HasMaxLength(Lengths.Name);
            token.HasIndex(t => t.Name).IsUnique();
        });

        modelBuilder.Entity<PolicyVersion>(version =>
        {
            version.Property(v => v.Actor).HasMaxLength(Lengths.Text);
            version.Property(v => v.Note).HasMaxLength(Lengths.Text);
        });

        modelBuilder.Entity<GatewayServer>(server =>
        {
            server.HasKey(s => s.Name);
            server.Property(s => s.Name).HasMaxLength(Lengths.Id);
            server.Property(s => s.UpdatedBy).HasMaxLength(Lengths.Text);
        });

        modelBuilder.Entity<GatewayTool>(tool =>
        {
            tool.HasKey(t => new { t.Server, t.Name });
            tool.Property(t => t.Server).HasMaxLength(Lengths.Id);
            tool.Property(t => t.Name).HasMaxLength(Lengths.Tool);
            tool.Property(t => t.Hash).HasMaxLength(Lengths.Id);
            tool.Property(t => t.FirstHash).HasMaxLength(Lengths.Id);
            tool.Property(t => t.ReviewedHash).HasMaxLength(Lengths.Id);
            tool.Property(t => t.Title).HasMaxLength(Lengths.Text);
            tool.Property(t => t.ReviewedBy).HasMaxLength(Lengths.Text);
        });

        modelBuilder.Entity<GatewayContact>(contact =>
        {
            contact.HasKey(c => c.Server);
            contact.Property(c => c.Server).HasMaxLength(Lengths.Id);
            contact.Property(c => c.Problem).HasMaxLength(Lengths.Text);
        });

        modelBuilder.Entity<UpstreamConnection>(connection =>
        {
            connection.HasKey(c => new { c.UserId, c.Server });
            connection.Property(c => c.UserId).HasMaxLength(Lengths.Id);
            connection.Property(c => c.Server).HasMaxLength(Lengths.Id);
            connection.Property(c => c.Scope).HasMaxLength(Lengths.ClientId);
        });

        modelBuilder.Entity<UpstreamRegistration>(registration =>
        {
            registration.HasKey(r => new { r.Server, r.Issuer });
            registration.Property(r => r.Server).HasMaxLength(Lengths.Id);
            registration.Property(r => r.Issuer).HasMaxLength(Lengths.Text);
            registration.Property(r => r.ClientId).HasMaxLength(Lengths.ClientId);
        });

        modelBuilder.Entity<Node>(node =>
        {
            node.Property(n => n.Id).HasMaxLength(Lengths.Id);
            node.Property(n => n.Keys).HasMaxLength(Lengths.Text);
        });
    }

    /// <summary>How long the columns are that hold the words of others.</summary>
    public static class Lengths
    {
        /// <summary>A name that we gave: of a provider, of an algorithm.</summary>
        public const int Name = 50;

        /// <summary>An identifier that we made.</summary>
        public const int Id = 64;

        /// <summary>What a server behind this one calls a tool.</summary>
        public const int Tool = 256;

        /// <summary>What a provider or a browser says of a person.</summary>
        public const int Text = 400;

        /// <summary>An address.</summary>
        public const int ClientId = 2048;
    }
}
