using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace McpIdentity.Server.Operations;

/// <summary>
/// Whether this server should be sent requests. Anybody may ask as often as they like: the checks run once a second at most,
/// and whoever asks meanwhile hears the same answer. What changes is logged once.
/// </summary>
internal sealed partial class Readiness(HealthCheckService checks, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<Readiness> logger)
{
    public const string Ok = "ok";
    public const string Degraded = "degraded";

    private static readonly TimeSpan GoodFor = TimeSpan.FromSeconds(1);

    private readonly Lock _turn = new();
    private readonly HashSet<string> _failing = [];
    private Task<HealthReport>? _last;
    private long _asked;

    /// <returns>A word for all of it, and one for each component.</returns>
    public async Task<(string Status, IReadOnlyDictionary<string, string> Checks)> CheckAsync()
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            return ("draining", new Dictionary<string, string>());
        }

        var report = await ReportAsync();
        var status = report.Status switch { HealthStatus.Healthy => Ok, HealthStatus.Degraded => Degraded, _ => "unavailable" };
        return (status, report.Entries.ToDictionary(entry => entry.Key, entry => entry.Value.Status == HealthStatus.Healthy ? Ok : "failed"));
    }

    private Task<HealthReport> ReportAsync()
    {
        lock (_turn)
        {
            if (_last is not { IsFaulted: false } last || (last.IsCompleted && time.GetElapsedTime(_asked) >= GoodFor))
            {
                (_asked, _last) = (time.GetTimestamp(), Task.Run(RunAsync));
            }

            return _last;
        }
    }

    private async Task<HealthReport> RunAsync()
    {
        var report = await checks.CheckHealthAsync(CancellationToken.None);
        foreach (var (name, entry) in report.Entries)
        {
            if (entry.Status == HealthStatus.Healthy)
            {
                if (_failing.Remove(name))
                {
                    Works(name);
                }
            }
            else if (_failing.Add(name))
            {
                Fails(name, entry.Description ?? "no reason was given", entry.Status);
            }
        }

        return report;
    }

    [LoggerMessage(1421, LogLevel.Warning, "Health check {Name} fails: {Problem} The server is {Status} until it works again.")]
    private partial void Fails(string name, string problem, HealthStatus status);

    [LoggerMessage(1422, LogLevel.Information, "Health check {Name} works again.")]
    private partial void Works(string name);
}
