using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Catalogue;
using McpIdentity.Server.Connections;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Doctor;

/// <summary>The servers behind this one, of the configuration and stored ones.</summary>
internal static class ServerChecks
{
    private static readonly Check Served = new("servers.served", Verdict.Fail, "Can what was said of each server behind this one be used?", "'servers show NAME' has what was said; remove and add it again.", "docs/tool-catalogue.md, \"Servers that are added while it runs\"");
    private static readonly Check Reach = new("servers.reach", Verdict.Fail, "Does each server behind this one answer, with the credential that it gets?", "'servers test NAME' tries it again; is its URL right, does it run, is its credential good?", "docs/gateway.md, \"When a server fails\"");
    private static readonly Check Accounts = new("servers.accounts", Verdict.Fail, "Can people be sent to the authorization server of their own accounts?", "Is the server's Upstream section right, and may this machine reach that authorization server?", "docs/gateway.md, \"People's own accounts\"");
    private static readonly Check Review = new("tools.waiting", Verdict.Note, "Does no tool wait for a review?", "'tools review' shows them; 'tools allow' or 'tools block' each.", "docs/tool-catalogue.md, \"Tools and their review\"");

    public static Examination Examination { get; } = new([Served, Reach, Accounts, Review], RunAsync, NeedsDatabase: true);

    /// <summary>Those that can be served, and why others cannot.</summary>
    public static async Task<(IReadOnlyList<FrontedServer> Servers, IReadOnlyList<(string Name, string Problem)> Problems)> ReadAsync(Patient patient, CancellationToken cancellationToken)
    {
        var stored = await patient.Get<StoredServers>().ReadAsync(patient.Get<McpIdentityDbContext>(), cancellationToken);
        return (
            [
                .. patient.Get<IOptions<GatewayOptions>>().Value.Servers.Select(server => new FrontedServer(server.Key, server.Value)),
                .. stored.Where(server => server is { Problem: null, Options: not null }).Select(server => new FrontedServer(server.Name, server.Options!)),
            ],
            [.. stored.Where(server => server.Problem is not null).Select(server => (server.Name, server.Problem!))]);
    }

    private static async Task<IReadOnlyList<CheckResult>> RunAsync(Patient patient, CancellationToken cancellationToken)
    {
        var (servers, problems) = await ReadAsync(patient, cancellationToken);
        var db = patient.Get<McpIdentityDbContext>();
        var tools = await db.GatewayTools.AsNoTracking().ToListAsync(cancellationToken);
        // Some are told who calls by a JWT, which our keys sign.
        var ring = patient.Get<SigningKeyRing>();
        ring.Update(ring.Usable(await db.SigningKeys.AsNoTracking().ToListAsync(cancellationToken)), TimeProvider.System.GetUtcNow());
        var asked = await Task.WhenAll(servers.Select(server => server.Options.Upstream.Auth == UpstreamAuth.OAuth
            ? Patient.TryAsync(Accounts, () => AskAuthorityAsync(patient, server, cancellationToken), server.Name)
            : Patient.TryAsync(Reach, () => AskAsync(patient, server, cancellationToken), server.Name)));
        return
        [
            .. problems.Select(problem => Served.Bad(problem.Problem) with { Subject = problem.Name }),
            .. problems.Count == 0 && servers.Count > 0 ? [Served.Pass($"{servers.Count} servers are behind this one")] : Array.Empty<CheckResult>(),
            .. asked,
            .. servers.Select(server => JudgeTools(server, tools)).OfType<CheckResult>(),
        ];
    }

    // As the gateway does when it asks for their tools.
    private static async Task<CheckResult> AskAsync(Patient patient, FrontedServer server, CancellationToken cancellationToken)
    {
        try
        {
            var found = await patient.Get<UpstreamListing>().ReadAsync(server, subject: null, cancellationToken);
            return Reach.Pass($"{server.Address} answers: {found.Name} {found.Version}, {found.Tools.Count} tools");
        }
        catch (UpstreamAnswerException exception)
        {
            return Reach.Bad($"{server.Address}: {exception.Message}");
        }
    }

    // As the page on which people connect their accounts finds it, up to the press of the button.
    private static async Task<CheckResult> AskAuthorityAsync(Patient patient, FrontedServer server, CancellationToken cancellationToken)
    {
        try
        {
            var authority = await patient.Get<Authorities>().OfAsync(server.Connectable, cancellationToken);
            return Accounts.Pass($"people connect their accounts at {authority.Issuer}, which describes itself");
        }
        catch (AuthorityException exception)
        {
            return Accounts.Bad(exception.Message);
        }
    }

    private static CheckResult? JudgeTools(FrontedServer server, IEnumerable<GatewayTool> tools)
    {
        if (server.Options.Review == ToolReview.None)
        {
            return null;
        }

        var waiting = tools.Where(row => row.Server == server.Name)
            .Count(row => new KnownTool(new CatalogueTool(row.Name, row.Title, row.Description, row.ReadOnly, row.Destructive, row.Hash), row.FirstHash, row.ReviewedHash, row.State).IsWaiting(server.Options.Review));
        return Review.Judge(waiting == 0, "no tool waits for a review", $"{waiting} tools are seen and called by nobody until they are reviewed") with { Subject = server.Name };
    }
}
