using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Migrations;

/// <summary>The schema on PostgreSQL, for production and for several nodes.</summary>
public sealed class PostgresMcpIdentityDbContext(DbContextOptions<PostgresMcpIdentityDbContext> options) : McpIdentityDbContext(options);
