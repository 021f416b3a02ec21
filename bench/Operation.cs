namespace McpIdentity.Bench;

/// <summary>One thing the server is asked to do, over and over.</summary>
/// <param name="Key">What <c>--only</c> looks in.</param>
/// <param name="Name">The row's title.</param>
/// <param name="Aim">CPU microseconds on SQLite that we aim at; PostgreSQL may take twice that.</param>
/// <param name="Bare">What the same number of bare requests costs.</param>
/// <param name="PrepareLane">Makes what a lane needs (a client, a token) and returns the request that it repeats.</param>
internal sealed record Operation(string Key, string Name, int Aim, Func<Floor, double> Bare, Func<Wire, Task<Func<Task>>> PrepareLane)
{
    public async Task<IReadOnlyList<Func<Task>>> PrepareAsync(Wire wire)
    {
        var lanes = new List<Func<Task>>();
        for (var lane = 0; lane < Load.Connections; lane++)
        {
            lanes.Add(await PrepareLane(wire));
        }

        return lanes;
    }
}
