namespace McpIdentity.Bench;

/// <summary>One thing the server is asked to do, over and over.</summary>
/// <param name="Key">What <c>--only</c> looks in.</param>
/// <param name="Name">The row's title.</param>
/// <param name="Bare">The bare requests that it is compared with.</param>
/// <param name="Aim">So many times what they cost is what we aim at on SQLite; PostgreSQL may take twice that. Null for a row that only explains others.</param>
/// <param name="PrepareLane">Makes what a lane needs (a client, a token) and returns the request that it repeats.</param>
internal sealed record Operation(string Key, string Name, BareRequest Bare, double? Aim, Func<Wire, Task<Func<Task>>> PrepareLane)
{
    /// <summary>Whether other authorization servers do it too.</summary>
    public bool IsOfPeers { get; init; }
}

/// <summary>What a bare endpoint is asked for.</summary>
internal enum BareRequest
{
    /// <summary>A GET.</summary>
    Get,

    /// <summary>A POST of a form.</summary>
    Post,

    /// <summary>One after the other, as a code is fetched and redeemed.</summary>
    Pair,
}
