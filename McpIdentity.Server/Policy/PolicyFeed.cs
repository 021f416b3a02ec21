using System.Threading.Channels;
using McpIdentity.Migrations;
using McpIdentity.Server.Revocation;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Policy;

/// <summary>
/// Brings a changed policy to this node: the file and the newest stored version are looked at three times a minute, and at once when
/// another node or the command line has announced one. While the database is away, what is in force stays so.
/// </summary>
internal sealed partial class PolicyFeed(PolicyInForce inForce, RevocationSignals signals, IServiceScopeFactory scopes, TimeProvider time, ILogger<PolicyFeed> logger) : BackgroundService
{
    /// <summary>What the signal says of a new version.</summary>
    public const string Signal = "policy";

    // A change of groups acts within a minute on every node: of the other half a person's own record may be old (People).
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(20);

    // One place in the queue: however many signals come while it reads, it reads once more.
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly SemaphoreSlim _turn = new(1);
    private ITimer? _timer;

    /// <summary>Reads what is new.</summary>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken); // so that an older version never comes after a newer one
        try
        {
            inForce.ReadFile();
            await using var scope = scopes.CreateAsyncScope();
            var versions = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().PolicyVersions.AsNoTracking();
            var newest = await versions.MaxAsync(version => (long?)version.Id, cancellationToken) ?? 0;
            if (newest != inForce.Version)
            {
                inForce.TakeStored(newest, await versions.Where(version => version.Id == newest).Select(version => version.Document).SingleOrDefaultAsync(cancellationToken));
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        _timer = time.CreateTimer(_ => Wake(), null, Interval, Interval);
        signals.Heard += Hear;
        return base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        signals.Heard -= Hear;
        await base.StopAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _timer?.Dispose();
        _turn.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var failing = false;
        await foreach (var _ in _wake.Reader.ReadAllAsync(stoppingToken))
        {
            try
            {
                await LoadAsync(stoppingToken);
                failing = false;
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                if (!failing)
                {
                    CannotRead(exception);
                }

                failing = true;
            }
        }
    }

    private void Hear(string word)
    {
        if (word == Signal)
        {
            Wake();
        }
    }

    private void Wake() => _wake.Writer.TryWrite(true);

    [LoggerMessage(1905, LogLevel.Error, "The stored policy cannot be read; what is in force stays so, and it is read again as soon as the database answers.")]
    private partial void CannotRead(Exception exception);
}
