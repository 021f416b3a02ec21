using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Audit;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Sessions;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace McpIdentity.Server.Operations;

/// <summary>
/// Tries one thing that requests need. One attempt at a time, whatever becomes of it: while a storage hangs, attempts do
/// not pile up behind each other.
/// </summary>
internal abstract class Probe : IHealthCheck
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private Task _attempt = Task.CompletedTask;

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (_attempt.IsCompleted)
        {
            // A provider that waits in the operating system would keep the caller's thread.
            _attempt = Task.Run(TryAsync, CancellationToken.None);
        }

        try
        {
            await _attempt.WaitAsync(Patience, cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            // The type and the message, as in the log line of a request that was answered 503.
            var root = exception.GetBaseException();
            return new HealthCheckResult(context.Registration.FailureStatus, $"{root.GetType().Name}: {root.Message.ReplaceLineEndings(" ")}");
        }
    }

    /// <summary>Returns or throws.</summary>
    protected abstract Task TryAsync();
}

/// <summary>The database takes a write: reading goes on with a full disk, a read-only file or a standby.</summary>
internal sealed class DatabaseProbe(NodeRegister nodes) : Probe
{
    protected override Task TryAsync() => nodes.BeatAsync();
}

internal sealed class RedisProbe(RedisConnection redis) : Probe
{
    protected override Task TryAsync() => redis.CheckAsync();
}

/// <summary>The session file.</summary>
internal sealed class SessionsProbe(ISessionStorage sessions) : Probe
{
    protected override Task TryAsync() => sessions.CheckAsync(CancellationToken.None);
}

/// <summary>What is logged arrives. Requests go on without (<see cref="ConsoleOutput"/>, <see cref="SecurityLog"/>), and nobody reads of them.</summary>
internal sealed class LogProbe(SecurityLog log, ConsoleOutput? output = null) : Probe
{
    protected override Task TryAsync() => (log.Lost, output?.Lost ?? 0) switch
    {
        ( > 0, _) => throw new IOException($"{log.Lost} events of the security log were lost."),
        (_, > 0) => throw new IOException($"{output!.Lost} entries of the log were lost."),
        _ => Task.CompletedTask,
    };
}

/// <summary>What happens is written down. Requests go on without, unless the operator wants it otherwise (<c>Audit:WhenUnavailable</c>).</summary>
internal sealed class AuditProbe(AuditTrail trail) : Probe
{
    protected override Task TryAsync() => trail.Problem is { } problem ? throw new IOException(problem) : Task.CompletedTask;
}

/// <summary>What is decided by is what was written last: a document that cannot be used leaves the one before it in force (<see cref="PolicyInForce"/>).</summary>
internal sealed class PolicyProbe(PolicyInForce policy) : Probe
{
    protected override Task TryAsync() => policy.Problem is { } problem ? throw new InvalidDataException(problem) : Task.CompletedTask;
}
