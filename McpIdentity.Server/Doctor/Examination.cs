using McpIdentity.Server.Operations;

namespace McpIdentity.Server.Doctor;

/// <summary>Checks that are made together, because one look answers all of them.</summary>
/// <param name="Checks">In the order in which they are told.</param>
/// <param name="RunAsync">A check whose question does not arise has no result.</param>
/// <param name="NeedsDatabase">It says nothing while the database cannot be read.</param>
internal sealed record Examination(IReadOnlyList<Check> Checks, Func<Patient, CancellationToken, Task<IReadOnlyList<CheckResult>>> RunAsync, bool NeedsDatabase = false);

/// <summary>The server that is looked at, by its parts.</summary>
/// <param name="Services">Of a scope of the examination's own.</param>
/// <param name="Clocks">Takes whose time is how far from ours; the last check compares.</param>
internal sealed record Patient(IServiceProvider Services, List<(string Whose, TimeSpan Ahead)> Clocks)
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public T Get<T>()
        where T : notnull => Services.GetRequiredService<T>();

    /// <summary>Takes the time of an answer.</summary>
    public void Took(string whose, TimeSpan ahead)
    {
        lock (Clocks)
        {
            Clocks.Add((whose, ahead));
        }
    }

    /// <summary>Looks, and says of whatever goes wrong meanwhile that the check failed.</summary>
    /// <param name="check">Which.</param>
    /// <param name="look">Looks.</param>
    /// <param name="subject">Which of several it is about.</param>
    /// <param name="describe">Says what went wrong; absent, as a start would.</param>
    public static async Task<CheckResult> TryAsync(Check check, Func<Task<CheckResult>> look, string? subject = null, Func<Exception, string>? describe = null)
    {
        CheckResult result;
        try
        {
            result = await look();
        }
        catch (Exception exception) when (exception is not OperationCanceledException { InnerException: not TimeoutException })
        {
            result = check.Bad((describe ?? Failures.Describe)(exception));
        }

        return result with { Subject = subject };
    }
}
