namespace McpIdentity.Server.Operations;

/// <summary>One question of the doctor.</summary>
/// <param name="Id">Area and subject, as <c>database.migrations</c>. Scripts name it: it stays what it is.</param>
/// <param name="Worst">What an answer that is not good weighs at most.</param>
/// <param name="Asks">The question, as docs/doctor.md has it.</param>
/// <param name="Cure">What to do about it, where the answer itself does not say.</param>
/// <param name="Section">The clause that wants it so, or the heading of our documentation.</param>
internal sealed record Check(string Id, Verdict Worst, string Asks, string Cure, string Section)
{
    public CheckResult Pass(string says) => new(this, Verdict.Pass, says, null);

    /// <summary>Of the check's own weight.</summary>
    public CheckResult Bad(string says, string? cure = null) => new(this, Worst, says, cure ?? Cure);

    public CheckResult Warn(string says, string? cure = null) => new(this, Verdict.Warn, says, cure ?? Cure);

    public CheckResult Note(string says, string? cure = null) => new(this, Verdict.Note, says, cure ?? Cure);

    /// <summary>Good, or of the check's own weight.</summary>
    public CheckResult Judge(bool isGood, string good, string bad, string? cure = null) => isGood ? Pass(good) : Bad(bad, cure);
}

/// <summary>One line of the doctor.</summary>
/// <param name="Check">What was asked.</param>
/// <param name="Verdict">How it is.</param>
/// <param name="Says">What was found.</param>
/// <param name="Cure">What to do; null where nothing is to be done.</param>
internal sealed record CheckResult(Check Check, Verdict Verdict, string Says, string? Cure)
{
    public string Id => Check.Id;

    /// <summary>Which of several it is about: the name of a provider, of a server.</summary>
    public string? Subject { get; init; }
}

internal enum Verdict
{
    Pass,
    Note,
    Warn,
    Fail,
}

internal static class VerdictWords
{
    public static string Word(this Verdict verdict) => verdict.ToString().ToUpperInvariant();
}
