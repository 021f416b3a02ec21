using System.Threading.Channels;
using McpIdentity.Server.Persistence;

namespace McpIdentity.Server.Revocation;

/// <summary>
/// Brings to this node what others have changed: looked at three times a minute, and at once when another node or the command line has
/// announced it. While the database is away, what is known stays so.
/// </summary>
/// <param name="signal">What the signal says.</param>
internal abstract class SignalledFeed(string signal, RevocationSignals signals, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(20);

    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly SemaphoreSlim _turn = new(1);
    private ITimer? _timer;

    /// <summary>Reads what is new.</summary>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken); // so that an older state never comes after a newer one
        try
        {
            await RunAsync(cancellationToken);
        }
        finally
        {
            _turn.Release();
        }
    }

    // Before the server answers: what is announced from then on is not missed.
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

    /// <summary>Looks as soon as it can.</summary>
    protected void Wake() => _wake.Writer.TryWrite(true);

    protected abstract Task RunAsync(CancellationToken cancellationToken);

    /// <summary>It failed, and did not before, or not so gravely.</summary>
    protected abstract void Fails(LogLevel level, Exception exception);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var fault = new ToldFault();
        await foreach (var _ in _wake.Reader.ReadAllAsync(stoppingToken))
        {
            try
            {
                await LoadAsync(stoppingToken);
                fault.Works();
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                if (fault.IsNew(exception, out var level))
                {
                    Fails(level, exception);
                }
            }
        }
    }

    private void Hear(string word)
    {
        if (word == signal)
        {
            Wake();
        }
    }
}
