using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace McpIdentity.Persistence;

/// <summary>The schema on SQLite, the embedded default.</summary>
public sealed class SqliteMcpIdentityDbContext(DbContextOptions<SqliteMcpIdentityDbContext> options) : McpIdentityDbContext(options)
{
    // SQLite has no type for a moment with an offset and cannot compare EF Core's text form of it: UTC ticks sort and compare.
    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder) =>
        configurationBuilder.Properties<DateTimeOffset>().HaveConversion<UtcTicksConverter>();

    private sealed class UtcTicksConverter() : ValueConverter<DateTimeOffset, long>(
        moment => moment.UtcTicks, ticks => new DateTimeOffset(ticks, TimeSpan.Zero));
}
