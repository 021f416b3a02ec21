namespace McpIdentity.Server.Operations;

/// <summary>One line of the doctor.</summary>
internal sealed record CheckResult(string Name, Verdict Verdict, string Says);

internal enum Verdict
{
    Pass,
    Warn,
    Fail,
}

internal static class VerdictWords
{
    public static string Word(this Verdict verdict) => verdict.ToString().ToUpperInvariant();
}
