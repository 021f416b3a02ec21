using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Catalogue;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Commands;

/// <summary>A server behind this one, as a verb knows it: of the configuration that the verb reads, or stored.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Options">What was said of it; null where that cannot be read.</param>
/// <param name="From">Where it comes from.</param>
/// <param name="Problem">Why it is not served.</param>
internal sealed record FrontedServerName(string Name, FrontedServerOptions? Options, string From, string? Problem)
{
    public const string Configured = "configuration";
    public const string Stored = "stored";

    public string Path => FrontedServer.PathOf(Name, Options ?? new FrontedServerOptions());

    /// <summary>Without a query, in which a secret may stand.</summary>
    public string Url => Uri.TryCreate(Options?.Url, UriKind.Absolute, out var url) ? url.GetLeftPart(UriPartial.Path) + (url.Query.Length > 0 ? "?…" : "") : "-";

    public ToolReview Review => Options?.Review ?? ToolReview.None;

    /// <summary>All of them, by name.</summary>
    public static async Task<IReadOnlyList<FrontedServerName>> AllAsync(IServiceProvider services, CancellationToken cancellationToken) =>
    [
        .. services.GetRequiredService<IOptions<GatewayOptions>>().Value.Servers.Select(server => new FrontedServerName(server.Key, server.Value, Configured, null))
            .Concat((await services.GetRequiredService<StoredServers>().ReadAsync(services.GetRequiredService<McpIdentityDbContext>(), cancellationToken))
                .Select(stored => new FrontedServerName(stored.Name, stored.Options, Stored, stored.Problem)))
            .OrderBy(server => server.Name, StringComparer.Ordinal).ThenBy(server => server.From, StringComparer.Ordinal),
    ];

    /// <summary>The one that is served under a name, or else the one that is not.</summary>
    /// <exception cref="VerbFailure">There is none.</exception>
    public static async Task<FrontedServerName> FindAsync(IServiceProvider services, string name, CancellationToken cancellationToken)
    {
        var all = await AllAsync(services, cancellationToken);
        return all.Where(server => server.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).OrderBy(server => server.Problem is not null).FirstOrDefault() ??
            throw new VerbFailure(ExitCode.NotFound, $"There is no server {CommandLine.Printable(name)}. 'servers list' shows which there are.");
    }

    /// <summary>A stored tool, as the catalogue judges it.</summary>
    public static KnownTool Known(GatewayTool row) => new(
        new CatalogueTool(row.Name, row.Title, row.Description, row.ReadOnly, row.Destructive, row.Hash), row.FirstHash, row.ReviewedHash, row.State);
}
