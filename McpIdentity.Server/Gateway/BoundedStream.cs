namespace McpIdentity.Server.Gateway;

/// <summary>What a server behind this one sends, up to a length: nobody may fill our memory, or send without an end.</summary>
/// <param name="inner">What it sends.</param>
/// <param name="maxBytes">How long it may be.</param>
/// <param name="onRead">Called each time when something has come, with how much.</param>
internal sealed class BoundedStream(Stream inner, long maxBytes, Action<int>? onRead = null) : Stream
{
    private long _read;
    private bool _isPart;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Called where something has come in which no message ended: a part of one, or what only keeps the connection open.</summary>
    public Func<ValueTask>? OnNothing { get; set; }

    /// <summary>The bound holds anew from here on: a message was read to its end.</summary>
    public void Restart() => (_read, _isPart) = (0, false);

    /// <exception cref="UpstreamAnswerException">There was more.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_isPart && OnNothing is not null)
        {
            await OnNothing();
        }

        var read = await inner.ReadAsync(buffer, cancellationToken);
        (_read, _isPart) = (_read + read, read > 0);
        onRead?.Invoke(read);
        return _read <= maxBytes ? read : throw new UpstreamAnswerException($"its answer is longer than {maxBytes} bytes (MaxAnswerBytes)");
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose(); // and with it the connection, where there is more to come
        }

        base.Dispose(disposing);
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
