namespace McpIdentity.Server.Policy;

/// <summary>What a rule says.</summary>
internal enum PolicyEffect
{
    Allow,
    Deny,

    /// <summary>Allowed when the person has agreed to it.</summary>
    Ask,
}

/// <param name="Effect">What is decided.</param>
/// <param name="Rule">By which rule: <c>Policy:Rules:2</c>, "stored policy, rule 3", or "default" where none matched.</param>
internal sealed record PolicyDecision(PolicyEffect Effect, string Rule)
{
    /// <summary>No rule has matched.</summary>
    public const string NoRule = "default";

    public static readonly PolicyDecision Default = new(PolicyEffect.Deny, NoRule);
}
