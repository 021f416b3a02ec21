using McpIdentity.Server.Hosting;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Doctor;

/// <summary>What the process has of its machine, and what stands before it.</summary>
internal static class MachineChecks
{
    private static readonly Check Descriptors = new("system.descriptors", Verdict.Warn, "May a process started as this one hold enough connections?",
        "Raise the limit of open files (ulimit -n, LimitNOFILE=) of the service, not of your shell alone.", "docs/operations.md, \"Connections\"");

    private static readonly Check Certificate = new("system.certificate", Verdict.Fail, "Is the certificate in Kestrel:Certificates good for the next weeks?",
        "Renew it; a server that runs takes the new file by itself.", "docs/production.md, \"A certificate of the server's own\"");

    private static readonly Check Proxy = new("proxy.trust", Verdict.Warn, "Is the proxy before this server believed, and nobody else?",
        "Set TRUST_PROXY=true (Server:TrustProxy), and Server:KnownProxies or Server:KnownNetworks where the proxy is in no private network.", "docs/production.md, \"Behind a reverse proxy\"");

    private const long Enough = 4096;

    public static Examination Examination { get; } = new([Descriptors, Certificate, Proxy], Run);

    private static Task<IReadOnlyList<CheckResult>> Run(Patient patient, CancellationToken cancellationToken)
    {
        List<CheckResult> results = [JudgeDescriptors(), JudgeProxy(patient)];
        var configuration = patient.Get<IConfiguration>();
        if (CertificateFile.In(configuration.GetSection("Kestrel:Certificates:Default"), patient.Get<IHostEnvironment>().ContentRootPath) is { } file)
        {
            using var certificate = file.Load();
            results.Insert(1, JudgeUntil(Certificate, file.Path, certificate.NotAfter.ToUniversalTime()));
        }

        return Task.FromResult<IReadOnlyList<CheckResult>>(results);
    }

    /// <summary>How long a certificate is still good.</summary>
    public static CheckResult JudgeUntil(Check check, string whose, DateTime notAfter)
    {
        var left = notAfter - TimeProvider.System.GetUtcNow().UtcDateTime;
        return left < TimeSpan.Zero ? check.Bad($"{whose} has expired on {notAfter:u}")
            : left < TimeSpan.FromDays(14) ? check.Warn($"{whose} is good for {left.TotalDays:0} days")
            : check.Pass($"{whose} is good for {left.TotalDays:0} days");
    }

    private static CheckResult JudgeDescriptors() => ConnectionLimit.Descriptors is { } all && all < Enough
        ? Descriptors.Bad($"a process may open {all} files here, which leaves {Math.Max(0, ConnectionLimit.Connections(areFronted: false) ?? 0)} connections")
        : Descriptors.Pass(ConnectionLimit.Descriptors is { } some ? $"a process may open {some} files here" : "there is no limit of open files");

    private static CheckResult JudgeProxy(Patient patient)
    {
        var server = patient.Get<IOptions<ServerOptions>>().Value;
        if (patient.Services.GetService<ProxyWarnings>()?.Seen is { } seen)
        {
            return Proxy.Bad(seen); // of the server that runs in this process
        }

        var endsBefore = server.PublicBaseUrl!.StartsWith("https://", StringComparison.Ordinal) && LocalEndpoint.From(patient.Get<IConfiguration>()).Address.StartsWith("http://", StringComparison.Ordinal);
        return (endsBefore, server.TrustProxy) switch
        {
            (true, not true) => Proxy.Bad($"{server.PublicBaseUrl} is https, and this server listens without: a proxy stands before it whose X-Forwarded-* headers are ignored, so that all callers have one address and look as if they came over plain http"),
            (_, true) when server.KnownProxies.Count + server.KnownNetworks.Count > 0 => Proxy.Pass("the proxies of Server:KnownProxies and Server:KnownNetworks are believed"),
            (_, true) => Proxy.Pass("proxies on this machine and in private networks are believed"),
            _ => Proxy.Pass("no proxy is expected, and none is believed"),
        };
    }
}
