namespace McpIdentity.Server.Tokens;

/// <summary>What became of a code or refresh token that was to be spent (<see cref="Grants.SpendAsync"/>).</summary>
internal enum Spending
{
    /// <summary>By this request, and by no other.</summary>
    Spent,

    /// <summary>A refresh that came again within the grace: it gets the successor that the first one got.</summary>
    Repeated,

    /// <summary>It was spent before: of the two that sent it one has stolen it (RFC 9700 §4.14.2).</summary>
    Reused,

    /// <summary>Its grant was revoked meanwhile, which is no theft.</summary>
    Ended,
}
