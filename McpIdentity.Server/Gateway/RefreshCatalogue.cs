using System.Collections.Concurrent;
using System.Threading.Channels;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Catalogue;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace McpIdentity.Server.Gateway;

/// <summary>
/// Asks each server behind this one for its tools: at the start, when it is new, on a schedule, and each minute where it did not answer.
/// One node does it for all. Nothing waits for it.
/// </summary>
internal sealed partial class RefreshCatalogue(
    FrontedServers servers, UpstreamListing listing, ToolCatalogue catalogue, ServerContacts contacts, IServiceScopeFactory scopes, IOptions<GatewayOptions> options,
    TimeProvider time, ILogger<RefreshCatalogue> logger) : BackgroundService
{
    private const string LockName = "gateway-catalogue";
    private const int AtOnce = 8;

    private static readonly TimeSpan RetryAfter = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, bool> _failing = new(StringComparer.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Value.CatalogueRefresh == TimeSpan.Zero)
        {
            return;
        }

        var wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        await using var timer = time.CreateTimer(_ => wake.Writer.TryWrite(true), null, TimeSpan.Zero, RetryAfter);
        using var changes = ChangeToken.OnChange(() => servers.Changed, () => wake.Writer.TryWrite(true));
        var isFirst = true;
        var fault = new ToldFault();
        await foreach (var _ in wake.Reader.ReadAllAsync(stoppingToken))
        {
            try
            {
                await RunAsync(isFirst, stoppingToken);
                isFirst = false;
                fault.Works();
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                if (fault.IsNew(exception, out var level))
                {
                    CannotRefresh(level, exception);
                }
            }
        }
    }

    private async Task RunAsync(bool all, CancellationToken cancellationToken)
    {
        // One that only people's own accounts open says nothing to this server: what is known of it comes from their lists.
        Fronted[] due = [.. servers.All.Where(fronted => fronted.Server.Options.Upstream.Auth != UpstreamAuth.OAuth && (all || IsDue(fronted.Server.Name)))];
        if (due.Length == 0)
        {
            return;
        }

        await using var scope = scopes.CreateAsyncScope();
        await using var work = await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().TryBeginWorkAsync(LockName, cancellationToken);
        if (work is not null)
        {
            await Parallel.ForEachAsync(due, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken }, async (fronted, cancel) => await AskAsync(fronted.Server, cancel));
        }
    }

    private bool IsDue(string server) => contacts.Last(server) is not { } last ||
        time.GetUtcNow() - last.At >= (last.Problem is null ? options.Value.CatalogueRefresh : RetryAfter);

    private async Task AskAsync(FrontedServer server, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        UpstreamTools? found = null;
        string? problem = null;
        try
        {
            found = await listing.ReadAsync(server, subject: null, cancellationToken);
            catalogue.Learn(server.Name, server.Options.Review, found.Tools);
        }
        catch (UpstreamAnswerException exception)
        {
            problem = exception.Message;
        }

        Say(server, problem);
        var contact = new GatewayContact { Server = server.Name, At = now, AnsweredAt = found is null ? contacts.Last(server.Name)?.AnsweredAt : now, Problem = problem, Tools = found?.Tools.Count ?? 0 };
        contacts.Take(contact);
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        await WriteAsync(db, contact, cancellationToken);
        if (found is not null)
        {
            // Those that are not among them keep the day of the last list that had them.
            foreach (var names in found.Tools.Select(tool => ListFilter.NameOf(Policy.PolicyTargetKind.Tool, tool)!).Chunk(500))
            {
                await db.WriteAsync(
                    () => db.GatewayTools.Where(row => row.Server == server.Name && names.Contains(row.Name)).ExecuteUpdateAsync(set => set.SetProperty(row => row.LastSeenAt, now), cancellationToken),
                    cancellationToken);
            }
        }
    }

    // One node asks at a time: nobody else writes the row.
    private static async Task WriteAsync(McpIdentityDbContext db, GatewayContact contact, CancellationToken cancellationToken)
    {
        if (await db.GatewayContacts.AsNoTracking().AnyAsync(row => row.Server == contact.Server, cancellationToken))
        {
            db.GatewayContacts.Update(contact);
        }
        else
        {
            db.GatewayContacts.Add(contact);
        }

        await db.SaveChangesAsync(cancellationToken);
    }

    private void Say(FrontedServer server, string? problem)
    {
        if (problem is not null && _failing.TryAdd(server.Name, true))
        {
            CannotList(server.Name, server.Url, problem);
        }
        else if (problem is null && _failing.TryRemove(server.Name, out _))
        {
            Answers(server.Name);
        }
    }

    [LoggerMessage(5024, LogLevel.Warning, "The MCP server '{Server}' at {Url} cannot be asked for its tools: {Problem}. It is asked again each minute.")]
    private partial void CannotList(string server, Uri url, string problem);

    [LoggerMessage(5025, LogLevel.Information, "The MCP server '{Server}' says its tools again.")]
    private partial void Answers(string server);

    [LoggerMessage(EventId = 5026, Message = "What the MCP servers answered cannot be written down; it is tried again.")]
    private partial void CannotRefresh(LogLevel level, Exception exception);
}
