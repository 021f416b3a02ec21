using McpIdentity.Server.Operations;

namespace McpIdentity.Server.Doctor;

/// <summary>
/// Everything that the doctor looks at of this server: its settings, what they name, and, where one serves, what a client meets.
/// For whoever asks: the command line, the console.
/// </summary>
internal static class OwnChecks
{
    private static readonly Examination Settings = new(SecurityChecklist.Checks, (patient, _) => Task.FromResult(SecurityChecklist.Judge(patient.Services)));

    /// <summary>In the order in which they are told.</summary>
    public static IReadOnlyList<Examination> All { get; } =
    [
        Settings, DatabaseChecks.Examination, KeyChecks.Examination, RedisChecks.Examination, MachineChecks.Examination, ProviderChecks.Examination, StoredChecks.Examination,
        RegistrationChecks.Examination, ServerChecks.Examination, PublicChecks.Examination,
    ];

    /// <summary>Every check of this server.</summary>
    public static IReadOnlyList<Check> OfThisServer { get; } = [ConfigurationChecks.Valid, .. All.SelectMany(examination => examination.Checks), ClockChecks.Skew];

    /// <summary>Every check that there is, of this server and of others.</summary>
    public static IReadOnlyList<Check> Known { get; } = [.. OfThisServer, .. ClientVerdicts.Checks, DocumentChecks.Document, DryRun.Registration];

    /// <summary>The settings alone: neither database nor network is asked.</summary>
    public static IReadOnlyList<CheckResult> JudgeSettings(IServiceProvider services) => [ConfigurationChecks.Valid.Pass("the settings are understood, and a server would start with them"), .. SecurityChecklist.Judge(services)];

    /// <param name="services">Of the server, or of a verb with its settings.</param>
    /// <param name="wanted">A check's id, or an area such as <c>database</c>; null: all.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<IReadOnlyList<CheckResult>> RunAsync(IServiceProvider services, string? wanted, CancellationToken cancellationToken)
    {
        var clocks = new List<(string, TimeSpan)>();
        var database = await ExamineAsync(services, DatabaseChecks.Examination, clocks, cancellationToken);
        var isThere = database.Any(result => result.Check == DatabaseChecks.Writable && result.Verdict == Verdict.Pass);
        var results = await Task.WhenAll(All.Select(async examination =>
            examination == DatabaseChecks.Examination ? database
            : examination.NeedsDatabase && !isThere ? []
            : IsWanted(examination.Checks, wanted) || IsWanted([ClockChecks.Skew], wanted) ? await ExamineAsync(services, examination, clocks, cancellationToken)
            : []));
        CheckResult[] all = [ConfigurationChecks.Valid.Pass("the settings are understood, and a server would start with them"), .. results.SelectMany(result => result), ClockChecks.Judge(clocks)];
        return wanted is null ? all : [.. all.Where(result => IsWanted([result.Check], wanted))];
    }

    /// <summary>Whether an id or an area means one of these.</summary>
    public static bool IsWanted(IEnumerable<Check> checks, string? wanted) =>
        wanted is null || checks.Any(check => check.Id == wanted || check.Id.StartsWith(wanted + ".", StringComparison.Ordinal));

    private static async Task<IReadOnlyList<CheckResult>> ExamineAsync(IServiceProvider services, Examination examination, List<(string, TimeSpan)> clocks, CancellationToken cancellationToken)
    {
        await using var scope = services.CreateAsyncScope();
        try
        {
            return await examination.RunAsync(new Patient(scope.ServiceProvider, clocks), cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            return [examination.Checks[0].Bad(Failures.Describe(exception))];
        }
    }
}
