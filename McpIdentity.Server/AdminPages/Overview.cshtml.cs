using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Audit;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.AdminPages;

/// <summary>How much there is of everything, what happened of late, and what wants to be looked at.</summary>
[Address(Reader.People, "GET HEAD", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class OverviewModel(
    Overview overview, SignInProviders providers, PublicAddress address, AuditTrail trail, AuditSearch audit, Kept<LastDay> lastDay, Kept<IReadOnlyList<CheckResult>> checks, IOptions<OAuthServerOptions> oauth) : ConsolePage
{
    private const int MaxEvents = 20;
    private const int ManyWaiting = 5000; // of the 20,000 that the queue takes

    // Whoever opens the console waits no longer for numbers.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Margin = TimeSpan.FromDays(1);

    public override string Section => Paths.Console;

    protected override AdminRight ToRead => AdminRight.ReadPeople;

    public OverviewView Counts { get; private set; } = null!;

    public HealthView Health { get; private set; } = null!;

    /// <summary>Null: not counted yet, or the reader may not see it.</summary>
    public LastDay? Day => DayAnswer?.Value;

    public Kept<LastDay>.Answer? DayAnswer { get; private set; }

    /// <summary>Whether what is shown of the day, if anything is, is older than it should be, because the audit could not be counted.</summary>
    public bool DayHasFailed => lastDay.HasFailed;

    /// <summary>What the doctor said when it was asked last.</summary>
    public Kept<IReadOnlyList<CheckResult>>.Answer? Doctor => checks.Last;

    /// <summary>The newest first.</summary>
    public IReadOnlyList<AuditEntry> Events { get; private set; } = [];

    /// <summary>What everybody who administers has to know, and where to look.</summary>
    public IEnumerable<(string Says, string? Link)> Banners
    {
        get
        {
            if (providers.Demo)
            {
                yield return ("Demo sign-in is on: whoever reaches this server signs in as one of the demo users, without a password. It is not for production.", ProvidersModel.Path);
            }

            if (address.Issuer.StartsWith("http:", StringComparison.Ordinal))
            {
                yield return ("Clients reach this server without TLS.", DoctorModel.Path);
            }

            if (Counts.KeyAge is { } age && oauth.Value.SigningKeyRotation is var rotation && rotation > TimeSpan.Zero && age > rotation + Margin)
            {
                yield return ($"The signing key is {age.TotalDays:0} days old, and OAuth:SigningKeyRotation is {rotation.TotalDays:0}: no server has made the next one.", KeysModel.Path);
            }

            if (Day is { PendingMigrations: > 0 and var pending })
            {
                yield return ($"The database lacks {pending} migrations: run the verb migrate.", DoctorModel.Path);
            }

            if (May(AdminRight.Read) && DayHasFailed)
            {
                yield return ("The audit of the last 24 hours could not be counted: alarms of it may be missing here. The log says why (event 1911).", AuditModel.Path);
            }

            if (!trail.IsOn)
            {
                yield return ("The audit is off (Audit:Enabled): what happens is not written down.", null);
            }
            else if (trail.Problem is { } problem)
            {
                yield return ($"The audit cannot be written, its rows wait in memory: {problem}", null);
            }
            else if (trail.Behind > ManyWaiting)
            {
                yield return ($"The audit is behind: {trail.Behind} events wait to be written.", null);
            }

            foreach (var (name, count) in Day?.Alarms ?? [])
            {
                yield return (name switch
                {
                    LastDay.Lost => "Events were lost before they got into the audit, in the last 24 hours.",
                    LastDay.Broken => "The chain of the audit was found cut or changed, in the last 24 hours.",
                    _ => $"{count} times a code or refresh token came twice, in the last 24 hours: somebody may hold what is not theirs.",
                }, $"{AuditModel.Path}?event={name}&within=24h");
            }

            if (Doctor?.Value.Count(result => result.Verdict == Verdict.Fail) is > 0 and var failed)
            {
                yield return ($"{failed} checks of the doctor failed.", DoctorModel.Path);
            }

            if (Counts.Clients.Waiting > 0)
            {
                yield return ($"{Counts.Clients.Waiting} clients wait for approval.", $"{ClientsModel.Path}?status=waiting");
            }

            if (Counts.ToolsWaiting > 0)
            {
                yield return ($"{Counts.ToolsWaiting} tools wait for a review.", ConsoleServersModel.Path);
            }
        }
    }

    public async Task OnGetAsync(CancellationToken cancellationToken)
    {
        (Counts, Health) = (await overview.CountAsync(cancellationToken), await overview.HealthAsync());
        if (May(AdminRight.Read))
        {
            DayAnswer = await lastDay.AskAsync(Patience);
        }

        if (May(AdminRight.ReadAudit))
        {
            Events = await audit.PageAsync(new AuditFilter(), MaxEvents, before: null, cancellationToken);
        }
    }
}
