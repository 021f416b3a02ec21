namespace McpIdentity.Server.Persistence;

/// <summary>What a PostgreSQL server said of itself at the start, and what follows from it.</summary>
/// <param name="IsPooled">
/// Whether a pooler such as PgBouncer stands between. It may give each transaction another connection: nothing that belongs to
/// a session works then (prepared statements, LISTEN, session-level locks).
/// </param>
/// <param name="MaxConnections">How many connections the server accepts, without those that it keeps for its administrators.</param>
internal sealed record PostgresTraits(bool IsPooled, int MaxConnections)
{
    // For an operator, verbs of the command line, and the connection on which each server listens.
    private const int ForOthers = 8;
    private const int FewestConnections = 4;
    private const int MostConnections = 40;

    /// <summary>Before it was asked: what works everywhere.</summary>
    public static readonly PostgresTraits Unknown = new(IsPooled: true, MaxConnections: 0);

    /// <summary>For one server: two of them fit (docs/operations.md, "Connections to PostgreSQL").</summary>
    public int Connections => Math.Clamp((MaxConnections - ForOthers) / 2, FewestConnections, MostConnections);

    public int PreparedStatements => IsPooled ? 0 : 50;
}
