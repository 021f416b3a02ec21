using McpIdentity.Server.Operations;

namespace McpIdentity.Server.Doctor;

/// <summary>Tokens are compared with this machine's clock, at both ends of a sign-in.</summary>
internal static class ClockChecks
{
    public static readonly Check Skew = new("clock.skew", Verdict.Fail, "Does this machine's clock agree with the database's, the providers' and the other servers'?",
        "Set the clock (NTP): tokens are refused as expired or not yet valid.", "RFC 7519 §4.1.4");

    private static readonly TimeSpan Good = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Worst = TimeSpan.FromMinutes(1);

    public static CheckResult Judge(IReadOnlyList<(string Whose, TimeSpan Ahead)> clocks)
    {
        if (clocks.Count == 0)
        {
            return Skew.Pass($"it is {TimeProvider.System.GetUtcNow():u} here; there was nobody to compare with");
        }

        var (whose, ahead) = clocks.MaxBy(clock => clock.Ahead.Duration());
        var says = $"{whose} is {Math.Abs(ahead.TotalSeconds):0} s {(ahead < TimeSpan.Zero ? "behind" : "ahead of")} this machine";
        return ahead.Duration() <= Good ? Skew.Pass(says) : ahead.Duration() <= Worst ? Skew.Warn(says) : Skew.Bad(says);
    }
}
