using System.Diagnostics.Metrics;
using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Telemetry;

/// <summary>What the server has at the moment of asking, all of it from memory: queues, signing keys, revocations. Decisions are counted where they are recorded (<see cref="SecuritySignals"/>).</summary>
internal sealed class ServerMeters : IHostedService
{
    private static readonly string[] States = ["next", "current", "previous"];

    private readonly SigningKeyRing _keys;
    private readonly TimeProvider _time;
    private readonly TimeSpan _rotation;

    public ServerMeters(
        IMeterFactory meters, SigningKeyRing keys, RevocationList revocations, SecurityLog log, IOptions<OAuthServerOptions> oauth, TimeProvider time, SqliteWriter? writer = null, ConsoleOutput? output = null)
    {
        (_keys, _time, _rotation) = (keys, time, oauth.Value.SigningKeyRotation);
        var meter = meters.Create(SecuritySignals.Name);
        meter.CreateObservableGauge("mcpidentity.security_log.queue", () => log.Waiting, "{event}", "Events of the security log that wait to be written.");
        meter.CreateObservableGauge("mcpidentity.revocations", () => revocations.Count, "{revocation}", "What has been revoked and may still be asked about.");
        meter.CreateObservableGauge("mcpidentity.keys", KeysByState, "{key}", "Signing keys by state.");
        meter.CreateObservableGauge("mcpidentity.key.age", () => Current is { } key ? [new Measurement<double>((Now - key.ActivatesAt).TotalSeconds)] : Array.Empty<Measurement<double>>(), "s", "For how long the current signing key has signed.");
        meter.CreateObservableGauge("mcpidentity.key.rotation", UntilRotation, "s", "Until another signing key signs; negative where it should have.");
        if (writer is not null)
        {
            meter.CreateObservableGauge("mcpidentity.database.writer.queue", () => writer.Waiting, "{statement}", "Statements that wait for SQLite's writer.");
        }

        if (output is not null)
        {
            meter.CreateObservableGauge("mcpidentity.log.queue", () => output.Waiting, "{entry}", "Entries of the log that wait for standard output.");
        }
    }

    private DateTimeOffset Now => _time.GetUtcNow();

    private Migrations.Entities.SigningKey? Current => SigningKeyState.InForce(_keys.Stored, Now) is [var key, ..] ? key : null;

    /// <summary>A hosted service only so that it is there as soon as the server serves.</summary>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private IEnumerable<Measurement<int>> KeysByState()
    {
        var (stored, now) = (_keys.Stored, Now);
        var states = stored.Select(key => SigningKeyState.WordFor(key, stored, now)).ToList();
        return States.Select(state => new Measurement<int>(states.Count(state.Equals), new KeyValuePair<string, object?>("state", state)));
    }

    // The key that is to come, or else the day on which one is made.
    private IEnumerable<Measurement<double>> UntilRotation()
    {
        if (_rotation <= TimeSpan.Zero || Current is not { } current)
        {
            return [];
        }

        var next = _keys.Stored.Where(key => key.ActivatesAt > Now).Select(key => (DateTimeOffset?)key.ActivatesAt).Min() ?? current.ActivatesAt + _rotation;
        return [new Measurement<double>((next - Now).TotalSeconds)];
    }
}
