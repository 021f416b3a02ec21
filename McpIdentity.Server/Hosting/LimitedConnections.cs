using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Hosting;

/// <summary>
/// Kestrel's sockets, of which no more are open at once than <see cref="ConnectionLimit"/> says: one too many is closed before
/// the next is accepted. Kestrel's own limit looks at a connection later, and on a busy machine hundreds are open by then.
/// </summary>
internal sealed partial class LimitedConnections(
    IOptions<SocketTransportOptions> sockets, IOptions<KestrelServerOptions> kestrel, ILoggerFactory loggers, ILogger<LimitedConnections> logger, TimeProvider time)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private static readonly TimeSpan SaidEvery = TimeSpan.FromMinutes(1);

    private readonly SocketTransportFactory _sockets = new(sockets, loggers);
    private long _open;
    private long _said = -1;

    // Asked anew: it is known when the stored servers are, and Kestrel is made before.
    private long Limit => kestrel.Value.Limits.MaxConcurrentConnections ?? long.MaxValue;

    public bool CanBind(EndPoint endpoint) => _sockets.CanBind(endpoint);

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new Listener(this, await _sockets.BindAsync(endpoint, cancellationToken));

    private bool TryTake(ConnectionContext connection)
    {
        if (Interlocked.Increment(ref _open) <= Limit)
        {
            connection.ConnectionClosed.Register(() => Interlocked.Decrement(ref _open));
            return true;
        }

        Interlocked.Decrement(ref _open);
        var (now, said) = (time.GetTimestamp(), Interlocked.Read(ref _said));
        if ((said < 0 || time.GetElapsedTime(said, now) >= SaidEvery) && Interlocked.CompareExchange(ref _said, now, said) == said)
        {
            Full(Limit);
        }

        return false;
    }

    [LoggerMessage(1413, LogLevel.Warning, "All {Limit} connections that this process may hold are open (ulimit -n); more are closed as they come.")]
    private partial void Full(long limit);

    private sealed class Listener(LimitedConnections limited, IConnectionListener listener) : IConnectionListener
    {
        public EndPoint EndPoint => listener.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (await listener.AcceptAsync(cancellationToken) is { } connection)
            {
                if (limited.TryTake(connection))
                {
                    return connection;
                }

                connection.Abort(new ConnectionAbortedException("Too many connections."));
                await connection.DisposeAsync();
            }

            return null;
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => listener.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync() => listener.DisposeAsync();
    }
}
