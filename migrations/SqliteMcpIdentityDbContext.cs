using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Migrations;

/// <summary>The schema on SQLite, the embedded default.</summary>
public sealed class SqliteMcpIdentityDbContext(DbContextOptions<SqliteMcpIdentityDbContext> options) : McpIdentityDbContext(options)
{
    /// <inheritdoc/>
    /// <remarks>Within a transaction SQLite's lock is held already: to wait for a turn then would be a deadlock.</remarks>
    public override Task<T> WriteAsync<T>(Func<Task<T>> write, CancellationToken cancellationToken) =>
        Database.CurrentTransaction is null && Turns is { } turns ? turns.RunAsync(write, cancellationToken) : base.WriteAsync(write, cancellationToken);

    /// <inheritdoc/>
    public override Task<int> SaveChangesAsync(bool acceptAllChangesOnSuccess, CancellationToken cancellationToken = default) =>
        WriteAsync(() => base.SaveChangesAsync(acceptAllChangesOnSuccess, cancellationToken), cancellationToken);

    // The server's; dotnet ef has none.
    private SqliteTurns? Turns => this.GetService<IDbContextOptions>().FindExtension<CoreOptionsExtension>()?.ApplicationServiceProvider?.GetService<SqliteTurns>();

    // SQLite has no type for a moment with an offset and cannot compare EF Core's text form of it: UTC ticks sort and compare.
    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder) =>
        configurationBuilder.Properties<DateTimeOffset>().HaveConversion<UtcTicksConverter>();

    internal sealed class UtcTicksConverter() : ValueConverter<DateTimeOffset, long>(
        moment => moment.UtcTicks, ticks => new DateTimeOffset(Math.Clamp(ticks, 0, DateTimeOffset.MaxValue.Ticks), TimeSpan.Zero)); // one that somebody has changed may be any number
}
