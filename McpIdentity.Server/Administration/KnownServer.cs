using McpIdentity.Migrations;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Administration;

/// <summary>A server behind this one, as an operator knows it: of the configuration, or stored.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Options">What was said of it; null where that cannot be read.</param>
/// <param name="From">Where it comes from.</param>
/// <param name="Problem">Why it is not served.</param>
internal sealed record KnownServer(string Name, FrontedServerOptions? Options, string From, string? Problem)
{
    public const string Configured = "configuration";
    public const string Stored = "stored";

    public string Path => FrontedServer.PathOf(Name, Options ?? new FrontedServerOptions());

    /// <summary>Without a query, in which a secret may stand.</summary>
    public string Url => Uri.TryCreate(Options?.Url, UriKind.Absolute, out var url) ? url.GetLeftPart(UriPartial.Path) + (url.Query.Length > 0 ? "?…" : "") : "-";

    public ToolReview Review => Options?.Review ?? ToolReview.None;

    /// <summary>All of them, by name.</summary>
    public static async Task<IReadOnlyList<KnownServer>> AllAsync(IServiceProvider services, CancellationToken cancellationToken) =>
    [
        .. services.GetRequiredService<IOptions<GatewayOptions>>().Value.Servers.Select(server => new KnownServer(server.Key, server.Value, Configured, null))
            .Concat((await services.GetRequiredService<StoredServers>().ReadAsync(services.GetRequiredService<McpIdentityDbContext>(), cancellationToken))
                .Select(stored => new KnownServer(stored.Name, stored.Options, Stored, stored.Problem)))
            .OrderBy(server => server.Name, StringComparer.Ordinal).ThenBy(server => server.From, StringComparer.Ordinal),
    ];

    /// <summary>The one that is served under a name, or else the one that is not.</summary>
    public static async Task<Outcome<KnownServer>> FindAsync(IServiceProvider services, string name, CancellationToken cancellationToken) =>
        (await AllAsync(services, cancellationToken)).Where(server => server.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).OrderBy(server => server.Problem is not null).FirstOrDefault() is { } found
            ? found
            : AdminProblem.NotFound("server", name);
}
