using System.Diagnostics.Metrics;
using System.Threading.Channels;
using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Audit;

/// <summary>
/// The audit in the database. Requests put events into a bounded queue; one task empties it, many rows a transaction, and tries
/// until the database takes them. What is in the queue when the process is killed is lost; what is in the database verifies.
/// </summary>
internal sealed partial class AuditTrail : ISecurityEventListener, IHostedService, IAsyncDisposable
{
    private const int Capacity = 20_000;
    private const string MeterName = "McpIdentity";

    // So that a busy server commits some times a second, and not once an event. Who waits for a row does not wait for this.
    private static readonly TimeSpan Gathers = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan WaitsFor = TimeSpan.FromSeconds(5);

    private readonly Channel<Waiting> _queue = Channel.CreateBounded<Waiting>(new BoundedChannelOptions(Capacity) { SingleReader = true });
    private readonly AuditOptions _options;
    private readonly AuditStore _store;
    private readonly TimeProvider _time;
    private readonly ILogger<AuditTrail> _logger;
    private readonly CallSums _calls;
    private readonly Counter<long> _lostCount;
    private readonly SemaphoreSlim _hurry = new(0);
    private readonly SemaphoreSlim _turn = new(1);
    private readonly CancellationTokenSource _ends = new();
    private ITimer? _sums;
    private Task _writing = Task.CompletedTask;
    private bool _hasBegun;
    private long _lost;
    private bool _isDisposed;
    private volatile string? _problem;

    public AuditTrail(IOptions<AuditOptions> options, AuditStore store, TimeProvider time, IMeterFactory meters, ILogger<AuditTrail> logger)
    {
        (_options, _store, _time, _logger, _calls) = (options.Value, store, time, logger, new CallSums(time));
        var meter = meters.Create(MeterName);
        meter.CreateObservableGauge("mcpidentity.audit.queue", () => _queue.Reader.Count, "{event}", "Events that wait to be written to the audit.");
        _lostCount = meter.CreateCounter<long>("mcpidentity.audit.lost", "{event}", "Events that did not get into the audit.");
    }

    public bool IsOn => _options.Enabled;

    /// <summary>Why rows cannot be written at this moment; null while they can.</summary>
    public string? Problem => _problem;

    /// <summary>How many events wait to be written.</summary>
    public int Behind => _queue.Reader.Count;

    /// <summary>Whether nothing may be answered that is not written down.</summary>
    public bool StopsIssuing => _options is { Enabled: true, WhenUnavailable: AuditUnavailable.StopIssuing };

    /// <summary>Begins to write what is heard, with the host: a verb writes what it did, and nothing of what it heard on the way.</summary>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (IsOn && !_hasBegun)
        {
            _hasBegun = true;
            _sums = _time.CreateTimer(_ => HearSums(all: false), null, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10));
            _writing = Task.Run(WriteAllAsync, CancellationToken.None);
        }

        return Task.CompletedTask;
    }

    /// <summary>Until the last request is answered events come; what waits is written at the end (<see cref="DisposeAsync"/>).</summary>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public bool Admits(in PassedCall call) => _options.Calls switch
    {
        AuditedCalls.Off => false,
        AuditedCalls.Each when call.Event != RepeatedEvents.Anonymous => true,
        _ => _calls.IsFirst(call),
    };

    public void Heard(SecurityEvent e) => Enqueue(new Waiting(e, null));

    public void Require()
    {
        if (StopsIssuing && _problem is { } problem)
        {
            throw new StorageUnavailableException($"the audit cannot be written, and Audit:WhenUnavailable is StopIssuing: {problem}");
        }
    }

    public async Task IsKeptAsync()
    {
        if (!StopsIssuing || !_hasBegun)
        {
            return;
        }

        Require();
        var kept = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!_queue.Writer.TryWrite(new Waiting(null, kept)))
        {
            throw new StorageUnavailableException("the audit's queue is full, and Audit:WhenUnavailable is StopIssuing");
        }

        _hurry.Release();
        await kept.Task.WaitAsync(WaitsFor);
    }

    /// <summary>Writes one event now, whatever is switched off: what an operator did.</summary>
    /// <exception cref="Exception">The database did not take it.</exception>
    public async Task WriteAsync(SecurityEvent done)
    {
        await _turn.WaitAsync();
        try
        {
            await _store.AppendAsync([done], isRepeated: false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Writes what still waits: the host disposes its services when it has answered its last request.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, true))
        {
            return; // under each name that it is known by
        }

        if (_sums is not null)
        {
            await _sums.DisposeAsync();
            HearSums(all: true);
        }

        _queue.Writer.TryComplete();
        _hurry.Release();
        await _ends.CancelAsync();
        await _writing;
        _ends.Dispose();
        _hurry.Dispose();
        _turn.Dispose();
    }

    private void HearSums(bool all)
    {
        foreach (var sum in _calls.Take(all))
        {
            Heard(sum);
        }
    }

    private void Enqueue(Waiting waiting)
    {
        if (!_queue.Writer.TryWrite(waiting))
        {
            Interlocked.Increment(ref _lost);
            _lostCount.Add(1);
        }
    }

    private async Task WriteAllAsync()
    {
        var batch = new List<Waiting>(AuditStore.MaxRows);
        while (await _queue.Reader.WaitToReadAsync())
        {
            if (_queue.Reader.Count < AuditStore.MaxRows)
            {
                await _hurry.WaitAsync(Gathers);
            }

            batch.Clear();
            while (batch.Count < AuditStore.MaxRows && _queue.Reader.TryRead(out var waiting))
            {
                batch.Add(waiting);
            }

            if (!await WriteBatchAsync(batch))
            {
                return;
            }
        }
    }

    /// <returns>False at the end of this server, where the database does not take it: nothing waits for it any more.</returns>
    private async Task<bool> WriteBatchAsync(List<Waiting> batch)
    {
        var lost = Interlocked.Exchange(ref _lost, 0);
        List<SecurityEvent> events = [.. batch.Select(waiting => waiting.Event).OfType<SecurityEvent>()];
        if (lost > 0)
        {
            events.Insert(0, SecurityEvent.Warning("events_dropped", $"{lost} events were lost before this row") with { Time = _time.GetUtcNow() });
        }

        for (var isRepeated = false; events.Count > 0; isRepeated = true)
        {
            await _turn.WaitAsync();
            try
            {
                await _store.AppendAsync(events, isRepeated);
                break;
            }
            catch (Exception exception)
            {
                Fail(batch, exception);
            }
            finally
            {
                _turn.Release();
            }

            await Task.WhenAny(Task.Delay(RetryAfter, _ends.Token));
            if (_ends.IsCancellationRequested)
            {
                CannotWriteAtEnd(events.Count + _queue.Reader.Count);
                return false;
            }
        }

        if (events.Count > 0 && _problem is not null)
        {
            _problem = null;
            WritesAgain();
        }

        batch.ForEach(waiting => waiting.Kept?.TrySetResult());
        return true;
    }

    // Whoever waits, here or in the queue, is told; the events stay.
    private void Fail(List<Waiting> batch, Exception exception)
    {
        var root = exception.GetBaseException();
        var problem = $"{root.GetType().Name}: {root.Message.ReplaceLineEndings(" ")}";
        if (_problem is null)
        {
            CannotWrite(problem, _options.WhenUnavailable);
        }

        _problem = problem;
        var told = new StorageUnavailableException($"the audit cannot be written: {problem}", exception);
        batch.ForEach(waiting => waiting.Kept?.TrySetException(told));
    }

    private readonly record struct Waiting(SecurityEvent? Event, TaskCompletionSource? Kept);

    [LoggerMessage(2000, LogLevel.Error, "The audit cannot be written: {Problem} Rows wait in memory until it can; Audit:WhenUnavailable is {WhenUnavailable}.")]
    private partial void CannotWrite(string problem, AuditUnavailable whenUnavailable);

    [LoggerMessage(2001, LogLevel.Warning, "The audit can be written again.")]
    private partial void WritesAgain();

    [LoggerMessage(2002, LogLevel.Error, "{Count} events could not be written to the audit before this server ended.")]
    private partial void CannotWriteAtEnd(int count);
}
