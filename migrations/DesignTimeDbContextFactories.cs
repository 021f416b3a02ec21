using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace McpIdentity.Migrations;

// What `dotnet ef --project migrations --context …` uses. Another database than the development one is named with
// `--connection`, the tool's own option.

internal sealed class SqliteDesignTimeFactory : IDesignTimeDbContextFactory<SqliteMcpIdentityDbContext>
{
    public SqliteMcpIdentityDbContext CreateDbContext(string[] args)
    {
        // The tool starts in this project's folder; the server keeps its data one level up, at the repository's root.
        var data = Directory.CreateDirectory(Path.Combine(RepositoryRoot(), "data"));
        return new(new DbContextOptionsBuilder<SqliteMcpIdentityDbContext>()
            .UseSqlite($"Data Source={Path.Combine(data.FullName, "mcpidentity.db")}").Options);
    }

    private static string RepositoryRoot()
    {
        var folder = new DirectoryInfo(Directory.GetCurrentDirectory());
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "McpIdentity.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? Directory.GetCurrentDirectory();
    }
}

internal sealed class PostgresDesignTimeFactory : IDesignTimeDbContextFactory<PostgresMcpIdentityDbContext>
{
    public PostgresMcpIdentityDbContext CreateDbContext(string[] args) =>
        new(new DbContextOptionsBuilder<PostgresMcpIdentityDbContext>()
            .UseNpgsql("Host=localhost;Database=mcpidentity;Username=mcpidentity").Options);
}
