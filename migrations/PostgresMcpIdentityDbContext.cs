using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Persistence;

/// <summary>The schema on PostgreSQL, for production and for several nodes.</summary>
public sealed class PostgresMcpIdentityDbContext(DbContextOptions<PostgresMcpIdentityDbContext> options) : McpIdentityDbContext(options);
