using System.Buffers;
using System.Diagnostics;
using System.Text;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace McpIdentity.Mcp.Audit;

/// <summary>
/// The security log. Writing to it costs a request neither time nor its success: events go into a bounded queue that one
/// task empties; what does not fit is counted, and the count written as soon as there is room.
/// </summary>
internal sealed partial class SecurityLog : IAsyncDisposable
{
    private const int Capacity = 10_000;
    private const int MaxBatch = 500;

    private readonly Channel<SecurityEvent> _queue = Channel.CreateBounded<SecurityEvent>(new BoundedChannelOptions(Capacity) { SingleReader = true });
    private readonly SecurityLoggingOptions _options;
    private readonly SecurityLogFile? _file;
    private readonly TimeProvider _time;
    private readonly ILogger<SecurityLog> _logger;
    private readonly RepeatedEvents _repeated;
    private readonly SecuritySignals? _signals;
    private readonly ISecurityEventListener? _listener;
    private readonly ITimer? _sums;
    private readonly Task _writing;
    private long _dropped;
    private bool _isFailing;

    /// <summary>Begins to write what is put into the log.</summary>
    public SecurityLog(IOptions<McpOptions> options, TimeProvider time, ILogger<SecurityLog> logger, SecuritySignals? signals = null, ISecurityEventListener? listener = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        (_options, _time, _logger, _signals, _listener) = (options.Value.SecurityLogging, time, logger, signals, listener is { IsOn: true } ? listener : null);
        _file = _options.LogToFile ? new SecurityLogFile(_options.LogFilePath, _options.MaxFileSizeBytes, _options.MaxFiles) : null;
        _repeated = new RepeatedEvents(time);
        _listener?.BeforeEnd(() => WriteSums(all: true));
        _sums = IsOn || _listener is not null ? time.CreateTimer(_ => WriteSums(all: false), null, RepeatedEvents.Window, RepeatedEvents.Window) : null;
        _writing = IsOn ? Task.Run(WriteAllAsync) : Task.CompletedTask;
    }

    /// <summary>Whether lines are written at all.</summary>
    public bool IsOn => _options.Enabled == true;

    /// <summary>How long the end of the host waits for a disk that does not answer.</summary>
    internal TimeSpan EndsWithin { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Events that were lost and whose number has not been written yet.</summary>
    internal long Lost => Interlocked.Read(ref _dropped);

    /// <summary>Events that wait to be written.</summary>
    internal int Waiting => _queue.Reader.Count;

    /// <summary>Who wants to read of a call that was let in; asked before an event is made of it, because the usual call is only counted.</summary>
    public EventReaders ReadersOf(in PassedCall call) =>
        (IsOn && _options.LogLevel >= SecurityLogLevel.Info ? EventReaders.Log : EventReaders.None) |
        (_listener?.Admits(call) == true ? EventReaders.Listener : EventReaders.None);

    /// <summary>The address of the caller, as a line has it.</summary>
    public static string? AddressOf(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var address = context.Connection.RemoteIpAddress;
        return (address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address)?.ToString();
    }

    /// <summary>Puts an event into the log; never waits and never throws.</summary>
    /// <param name="context">The request, if there is one: its address and trace id are added, and its <see cref="RequestFacts"/>.</param>
    /// <param name="e">What happened.</param>
    /// <param name="readers">For whom it is, where not for all.</param>
    public void Write(HttpContext? context, SecurityEvent e, EventReaders readers = EventReaders.All) => _ = Tell(context, e, readers, isToKeep: false);

    /// <summary>Writes what is answered afterwards, and ends when it is where it must be.</summary>
    /// <inheritdoc cref="ISecurityEventListener.HeardToKeepAsync"/>
    public Task WriteKeptAsync(HttpContext? context, SecurityEvent e) => Tell(context, e, EventReaders.All, isToKeep: true);

    // Ends when it is where it must be.
    private Task Tell(HttpContext? context, SecurityEvent e, EventReaders readers, bool isToKeep)
    {
        ArgumentNullException.ThrowIfNull(e);
        _signals?.Count(e);
        readers &= (IsOn && e.Level <= _options.LogLevel ? EventReaders.Log : EventReaders.None) |
            (_listener is not null && e.Level < SecurityLogLevel.Debug ? EventReaders.Listener : EventReaders.None);
        if (readers == EventReaders.None)
        {
            return Task.CompletedTask;
        }

        var stamped = (context?.Features.Get<RequestFacts>()?.Complete(e) ?? e) with
        {
            Time = _time.GetUtcNow(),
            Address = context is null ? e.Address : AddressOf(context),
            TraceId = Activity.Current?.TraceId.ToHexString() ?? context?.TraceIdentifier,
        };
        // The listener has counted calls without a caller already.
        var isCounted = stamped.Event == RepeatedEvents.Anonymous;
        if (isCounted && readers.HasFlag(EventReaders.Listener))
        {
            _listener!.Heard(stamped);
        }

        return (isCounted && !readers.HasFlag(EventReaders.Log)) || !_repeated.Admits(stamped, context) ? Task.CompletedTask : Hand(stamped, isCounted ? EventReaders.Log : readers, isToKeep);
    }

    /// <inheritdoc cref="ISecurityEventListener.Require"/>
    public void Require() => _listener?.Require();

    /// <summary>Writes what is still queued: the host disposes its services when it has answered its last request.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_sums is not null)
        {
            await _sums.DisposeAsync();
            WriteSums(all: true);
        }

        _queue.Writer.TryComplete();
        await Task.WhenAny(_writing, Task.Delay(EndsWithin));
    }

    private void WriteSums(bool all)
    {
        foreach (var sum in _repeated.Take(all))
        {
            _ = Hand(sum with { Time = _time.GetUtcNow() }, sum.Event == RepeatedEvents.Anonymous ? EventReaders.Log : EventReaders.All, isToKeep: false);
        }
    }

    private Task Hand(SecurityEvent e, EventReaders readers, bool isToKeep)
    {
        var kept = Task.CompletedTask;
        if (_listener is not null && readers.HasFlag(EventReaders.Listener) && e.Level < SecurityLogLevel.Debug)
        {
            if (isToKeep)
            {
                kept = _listener.HeardToKeepAsync(e);
            }
            else
            {
                _listener.Heard(e);
            }
        }

        if (readers.HasFlag(EventReaders.Log) && IsOn && e.Level <= _options.LogLevel && !_queue.Writer.TryWrite(e))
        {
            Interlocked.Increment(ref _dropped);
        }

        return kept;
    }

    private async Task WriteAllAsync()
    {
        var buffer = new ArrayBufferWriter<byte>(64 * 1024);
        while (await _queue.Reader.WaitToReadAsync())
        {
            buffer.ResetWrittenCount();
            var events = 0;
            while (events < MaxBatch && _queue.Reader.TryRead(out var e))
            {
                TryAdd(buffer, e);
                events++;
            }

            WriteBatch(buffer, events);
        }

        buffer.ResetWrittenCount();
        WriteBatch(buffer, 0);
    }

    // One event that cannot be written must not end the log.
    private void TryAdd(ArrayBufferWriter<byte> buffer, SecurityEvent e)
    {
        var before = buffer.WrittenCount;
        try
        {
            SecurityEventJson.WriteLine(buffer, e);
        }
        catch (Exception exception) when (exception is InvalidOperationException or ArgumentException or System.Text.Json.JsonException)
        {
            Interlocked.Increment(ref _dropped);
            if (buffer.WrittenCount > before)
            {
                buffer.Write("\n"u8);
            }
        }
    }

    private void WriteBatch(ArrayBufferWriter<byte> buffer, int events)
    {
        var dropped = Interlocked.Exchange(ref _dropped, 0);
        if (dropped > 0)
        {
            SecurityEventJson.WriteLine(buffer, SecurityEvent.Warning("events_dropped", $"{dropped} events were lost before this line") with
            {
                Time = _time.GetUtcNow(),
            });
        }

        if (!TryWrite(buffer.WrittenSpan))
        {
            Interlocked.Add(ref _dropped, dropped + events);
        }
    }

    private bool TryWrite(ReadOnlySpan<byte> lines)
    {
        try
        {
            if (_file is not null)
            {
                _file.Append(lines);
            }
            else
            {
                // In one piece, so that no other line of the console comes in between; and by the writer that the host may have
                // replaced with one that waits for nobody.
                Console.Out.Write(Encoding.UTF8.GetString(lines));
            }

            _isFailing = false;
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            if (!_isFailing)
            {
                CannotWrite(exception, _file is null ? "standard output" : _options.LogFilePath);
            }

            _isFailing = true;
            return false;
        }
    }

    [LoggerMessage(3401, LogLevel.Error, "The security log cannot be written to {Target}; events are lost until it can.")]
    private partial void CannotWrite(Exception exception, string target);
}
