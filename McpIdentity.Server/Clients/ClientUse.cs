using System.Collections.Concurrent;
using McpIdentity.Migrations;
using McpIdentity.Server.Persistence;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Clients;

/// <summary>
/// Remembers when clients were last used, so that idle registrations can go: at most one write a client and day, and never
/// within a request. What a crash loses is stamped at the client's next request.
/// </summary>
internal sealed partial class ClientUse(IServiceScopeFactory scopes, TimeProvider time, ILogger<ClientUse> logger) : BackgroundService
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Precision = TimeSpan.FromDays(1);

    // Beyond this many all are forgotten; the next use of a client then runs an UPDATE that changes no stamp of the last day.
    private const int MaxRemembered = 50_000;

    private readonly ConcurrentDictionary<string, DateTimeOffset> _stamped = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _waiting = new();
    private readonly ToldFault _fault = new();

    /// <summary>Says that a token or code was issued to the client.</summary>
    public void Touch(string clientId)
    {
        var now = time.GetUtcNow();
        if (_stamped.TryGetValue(clientId, out var stamped) && now - stamped < Precision)
        {
            return;
        }

        if (_stamped.Count >= MaxRemembered)
        {
            _stamped.Clear();
        }

        _stamped[clientId] = now;
        _waiting.Enqueue(clientId);
    }

    /// <summary>Writes the stamps that wait.</summary>
    public async Task WriteAsync(CancellationToken cancellationToken)
    {
        if (_waiting.IsEmpty)
        {
            return;
        }

        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        while (_waiting.TryPeek(out var clientId))
        {
            var now = time.GetUtcNow();
            var recently = now - Precision;
            await db.WriteAsync(() => db.Clients
                .Where(client => client.ClientId == clientId)
                .Where(client => EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt) == null || EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt) < recently)
                .ExecuteUpdateAsync(set => set.SetProperty(client => EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt), now), cancellationToken), cancellationToken);
            _waiting.TryDequeue(out _);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await TryWriteAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            await TryWriteAsync(deadline.Token);
        }
    }

    private async Task TryWriteAsync(CancellationToken cancellationToken)
    {
        try
        {
            await WriteAsync(cancellationToken);
            _fault.Works();
        }
        catch (Exception exception) when (cancellationToken.IsCancellationRequested)
        {
            CannotStamp(LogLevel.Warning, exception.Message);
        }
        catch (Exception exception)
        {
            if (_fault.IsNew(exception, out var level))
            {
                CannotStamp(level, exception.Message);
            }
        }
    }

    [LoggerMessage(EventId = 1010, Message = "When clients were last used could not be written; it is tried again. {Reason}")]
    private partial void CannotStamp(LogLevel level, string reason);
}
