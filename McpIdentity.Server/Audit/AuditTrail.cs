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
    private const string QueueIsFull = "the audit's queue is full, and Audit:WhenUnavailable is StopIssuing";

    private readonly Channel<Waiting> _queue = Channel.CreateBounded<Waiting>(new BoundedChannelOptions(Capacity) { SingleReader = true });
    private readonly AuditOptions _options;
    private readonly AuditStore _store;
    private readonly AuditSeal _seal;
    private readonly TimeProvider _time;
    private readonly ILogger<AuditTrail> _logger;
    private readonly CallSums _calls;
    private readonly SemaphoreSlim _hurry = new(0);
    private readonly SemaphoreSlim _turn = new(1);
    private readonly ToldFault _fault = new();
    private readonly CancellationTokenSource _ends = new();
    private ITimer? _sums;
    private Task _writing = Task.CompletedTask;
    private Action? _beforeEnd;
    private int _inHand;
    private int _hurried; // events in the queue that somebody waits for
    private bool _hasBegun;
    private long _lost; // whose number has not been written yet
    private long _lostEver;
    private bool _isDisposed;
    private bool _hasLostAtEnd;
    private volatile string? _problem;

    public AuditTrail(IOptions<AuditOptions> options, AuditStore store, AuditSeal seal, TimeProvider time, IMeterFactory meters, ILogger<AuditTrail> logger)
    {
        (_options, _store, _seal, _time, _logger, _calls) = (options.Value, store, seal, time, logger, new CallSums(time));
        var meter = meters.Create(MeterName);
        meter.CreateObservableGauge("mcpidentity.audit.queue", () => _queue.Reader.Count, "{event}", "Events that wait to be written to the audit.");
        meter.CreateObservableCounter("mcpidentity.audit.lost", () => Interlocked.Read(ref _lostEver), "{event}", "Events that did not get into the audit.");
    }

    public bool IsOn => _options.Enabled;

    /// <summary>Why rows cannot be written at this moment; null while they can.</summary>
    public string? Problem => _problem;

    /// <summary>How many events wait to be written.</summary>
    public int Behind => _queue.Reader.Count;

    /// <summary>Whether nothing may be answered that is not written down.</summary>
    public bool StopsIssuing => _options is { Enabled: true, WhenUnavailable: AuditUnavailable.StopIssuing };

    /// <summary>How long the end of the host waits for a database that does not answer: less than what stops it by force.</summary>
    internal TimeSpan EndsWithin { get; set; } = TimeSpan.FromSeconds(8);

    /// <summary>Begins to write what is heard, with the host: a verb writes what it did, and nothing of what it heard on the way.</summary>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (IsOn && !_hasBegun)
        {
            _hasBegun = true;
            _ = _seal.KeyId; // its key is read now: at the end, when the first row may be written, nothing can be made any more
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

    public bool Heard(SecurityEvent e) => Enqueue(new Waiting(e, null));

    public void BeforeEnd(Action tellRest) => _beforeEnd += tellRest;

    public void Require()
    {
        if (StopsIssuing && _problem is { } problem)
        {
            throw new StorageUnavailableException($"the audit cannot be written, and Audit:WhenUnavailable is StopIssuing: {problem}");
        }

        if (StopsIssuing && _queue.Reader.Count >= Capacity)
        {
            throw new StorageUnavailableException(QueueIsFull);
        }
    }

    public async Task HeardToKeepAsync(SecurityEvent e)
    {
        if (!StopsIssuing || !_hasBegun)
        {
            Heard(e);
            return;
        }

        var kept = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Increment(ref _hurried);
        if (!Enqueue(new Waiting(e, kept)))
        {
            Interlocked.Decrement(ref _hurried);
            throw new StorageUnavailableException(QueueIsFull);
        }

        _hurry.Release();
        Require();
        await kept.Task.WaitAsync(WaitsFor);
    }

    /// <summary>Writes one event now, whatever is switched off: what an operator did.</summary>
    /// <exception cref="Exception">The database did not take it.</exception>
    public async Task WriteAsync(SecurityEvent done)
    {
        await _turn.WaitAsync();
        try
        {
            await _store.AppendAsync(new AuditBatch([done]));
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

        _beforeEnd?.Invoke(); // who tells of events is disposed after this
        if (_sums is not null)
        {
            await _sums.DisposeAsync();
            HearSums(all: true);
        }

        _queue.Writer.TryComplete();
        await _ends.CancelAsync();
        _hurry.Release();
        if (await Task.WhenAny(_writing, Task.Delay(EndsWithin)) != _writing)
        {
            LoseAtEnd(Volatile.Read(ref _inHand));
            return; // what it is made of is in use until the process has ended
        }

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

    private bool Enqueue(Waiting waiting)
    {
        if (_queue.Writer.TryWrite(waiting))
        {
            return true;
        }

        Lose(1);
        return false;
    }

    private void Lose(int count)
    {
        Interlocked.Add(ref _lost, count);
        Interlocked.Add(ref _lostEver, count);
    }

    // Once: the writer may hear after the end has been waited for that its last try failed.
    private void LoseAtEnd(int inHand)
    {
        if (Interlocked.Exchange(ref _hasLostAtEnd, true))
        {
            return;
        }

        var count = inHand + _queue.Reader.Count;
        Lose(count);
        CannotWriteAtEnd(count);
    }

    private async Task WriteAllAsync()
    {
        var batch = new List<Waiting>(AuditStore.MaxRows);
        while (await _queue.Reader.WaitToReadAsync())
        {
            while (_hurry.Wait(0))
            {
                // Of who is answered already, or counts among the hurried: each of a burst would otherwise be a batch that does not gather.
            }

            if (_queue.Reader.Count < AuditStore.MaxRows && Volatile.Read(ref _hurried) == 0 && !_ends.IsCancellationRequested)
            {
                await _hurry.WaitAsync(Gathers);
            }

            batch.Clear();
            while (batch.Count < AuditStore.MaxRows && _queue.Reader.TryRead(out var waiting))
            {
                batch.Add(waiting);
                if (waiting.Kept is not null)
                {
                    Interlocked.Decrement(ref _hurried);
                }
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
        if (lost > 0)
        {
            batch.Insert(0, new Waiting(SecurityEvent.Warning("events_dropped", $"{lost} events were lost before this row") with { Time = _time.GetUtcNow() }, null));
        }

        Volatile.Write(ref _inHand, batch.Count);
        if (!await WriteAsync(batch, batch))
        {
            LoseAtEnd(batch.Count);
            return false;
        }

        Volatile.Write(ref _inHand, 0);
        if (_problem is not null)
        {
            _problem = null;
            _fault.Works();
            WritesAgain();
        }

        return true;
    }

    /// <returns>False at the end of this server, where the database does not take them.</returns>
    private async Task<bool> WriteAsync(List<Waiting> part, List<Waiting> batch)
    {
        var together = new AuditBatch([.. part.Select(waiting => waiting.Event)]);
        while (true)
        {
            Exception failure;
            await _turn.WaitAsync();
            try
            {
                await _store.AppendAsync(together);
                part.ForEach(waiting => waiting.Kept?.TrySetResult());
                return true;
            }
            catch (Exception exception)
            {
                failure = exception;
            }
            finally
            {
                _turn.Release();
            }

            if (failure is UnwritableRowException)
            {
                return await WriteOthersAsync(part, batch, failure);
            }

            Fail(batch, failure);
            await Task.WhenAny(Task.Delay(RetryAfter, _ends.Token));
            if (_ends.IsCancellationRequested)
            {
                return false;
            }
        }
    }

    // One event that cannot be a row must not end the audit: it is looked for by halves, and left out.
    private async Task<bool> WriteOthersAsync(List<Waiting> part, List<Waiting> batch, Exception why)
    {
        if (part is [var one])
        {
            Lose(1);
            LeftOut(one.Event.Event, why.Message.ReplaceLineEndings(" "));
            one.Kept?.TrySetException(new StorageUnavailableException($"the audit cannot take the row: {why.Message}", why));
            return true;
        }

        var half = part.Count / 2;
        return await WriteAsync(part[..half], batch) && await WriteAsync(part[half..], batch);
    }

    // Whoever waits, here or in the queue, is told; the events stay.
    private void Fail(List<Waiting> batch, Exception exception)
    {
        var root = exception.GetBaseException();
        var problem = $"{root.GetType().Name}: {root.Message.ReplaceLineEndings(" ")}";
        if (_fault.IsNew(exception, out var level))
        {
            CannotWrite(level, problem, _options.WhenUnavailable);
        }

        _problem = problem;
        var told = new StorageUnavailableException($"the audit cannot be written: {problem}", exception);
        batch.ForEach(waiting => waiting.Kept?.TrySetException(told));
    }

    // With who waits for just this one, so that no other answers for it.
    private readonly record struct Waiting(SecurityEvent Event, TaskCompletionSource? Kept);

    [LoggerMessage(EventId = 2000, Message = "The audit cannot be written: {Problem} Rows wait in memory until it can; Audit:WhenUnavailable is {WhenUnavailable}.")]
    private partial void CannotWrite(LogLevel level, string problem, AuditUnavailable whenUnavailable);

    [LoggerMessage(2001, LogLevel.Warning, "The audit can be written again.")]
    private partial void WritesAgain();

    [LoggerMessage(2002, LogLevel.Error, "{Count} events could not be written to the audit before this server ended.")]
    private partial void CannotWriteAtEnd(int count);

    [LoggerMessage(2004, LogLevel.Error, "An event ({Event}) cannot be a row of the audit, and was left out: {Problem}")]
    private partial void LeftOut(string @event, string problem);
}
