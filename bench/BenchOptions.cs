using System.Globalization;

namespace McpIdentity.Bench;

/// <summary>What the command line asks for.</summary>
internal sealed class BenchOptions
{
    public const string Usage = """
        dotnet run -c Release --project bench -- [starts|compare|filled|nodes|profile|gateway|races|kill|outages|failover|restore|redis|output|rolling] [options]
          starts      the first 200, the verbs and their CPU, beside bare ones
          compare     two builds in turn, slice by slice: --server and --against
          filled      an empty store and one of --filled rows, in turn
          nodes       one server, two that have nothing in common, and two nodes, in turn on PostgreSQL
          profile     a flame graph of each row, and its dearest methods; needs perf
          gateway     a server behind this one: a call beside bare YARP and straight; 10,000 streams held
          races       twelve requests at once with one code or refresh token, grace 0 and 30, on one node and on two
          kill        kill -9 in the middle of refreshes and codes, and what is left of what was answered
          outages     refreshes while PostgreSQL hangs and restarts, or SQLite is locked by another process
          failover    refreshes while the primary is gone and its standby takes over
          restore     a backup under load, put back later: what is good then, with the verb `restored` and without
          redis       Redis hangs for seconds while it counts: answers, losses, the longest wait
          output      nobody reads standard output
          rolling     two servers behind deploy/nginx.conf, replaced one right after the other under load
          --rounds    of races, kill, outages, restore, redis, output and rolling (default 100)
          --seconds   how long each operation is measured (default 5)
          --only      operations whose key contains one of these words; `gateway` and `starts` are such rows too
          --filled    of filled: how many grants and rows of the audit are stored before, with a tenth as many clients (default 1000000)
          --database  where the server keeps its state, sqlite or postgres (default: without a word both, side by side; with one sqlite)
          --server    a published server to measure, in place of a fresh publish
          --against   another one, to compare it with: the release before, say
          --peers     oidc-provider: it is measured too, in memory and with Redis; needs node, npm and redis-server
          --output    with profile, the folder of the graphs (default docs/flames)
        """;

    public TimeSpan Duration { get; private set; } = TimeSpan.FromSeconds(5);

    /// <summary>The database that was named, of a run with one.</summary>
    public bool UsePostgres => Database == "postgres";

    /// <summary>Whether a run with a column for each database has this one.</summary>
    public bool Has(string database) => Database is null || Database == database;

    /// <summary>Whether others are measured too.</summary>
    public bool WithPeers { get; private set; }

    private string? Database { get; set; }

    public int Rounds { get; private set; } = 100;

    /// <summary>How many grants of others are in a full store, where it was said.</summary>
    public int? Filled { get; private set; }

    /// <summary>The server's program file, when it is not to be published first.</summary>
    public string? Server { get; private set; }

    /// <summary>The program file of the build to compare with.</summary>
    public string? Against { get; private set; }

    /// <summary>The folder for what a run leaves.</summary>
    public string? Output { get; private set; }

    private string[] Only { get; set; } = [];

    public bool IsWanted(string key) => Only.Length == 0 || Only.Any(word => key.Contains(word, StringComparison.OrdinalIgnoreCase));

    public static BenchOptions? Parse(string[] args, out string problem)
    {
        var options = new BenchOptions();
        problem = "Each option has one value.";
        foreach (var option in args.Chunk(2))
        {
            if (option is not [var name, var value] || !options.Set(name, value, ref problem))
            {
                return null;
            }
        }

        return options;
    }

    private static string ProgramIn(string folder) => Path.Combine(Path.GetFullPath(folder), ServerUnderTest.ProgramFile);

    private bool Set(string name, string value, ref string problem)
    {
        problem = $"{name} {value} is not understood.";
        switch (name)
        {
            case "--seconds" when double.TryParse(value, CultureInfo.InvariantCulture, out var seconds) && seconds > 0:
                Duration = TimeSpan.FromSeconds(seconds);
                return true;
            case "--only":
                Only = value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
                // A misspelt word must not make a run that measures nothing and succeeds.
                return Only.All(word => Operations.All.Select(operation => operation.Key).Concat(["gateway", "starts"]).Any(key => key.Contains(word, StringComparison.OrdinalIgnoreCase)));
            case "--database" when value is "sqlite" or "postgres":
                Database = value;
                return true;
            case "--rounds" when int.TryParse(value, CultureInfo.InvariantCulture, out var rounds) && rounds > 0:
                Rounds = rounds;
                return true;
            case "--filled" when int.TryParse(value, CultureInfo.InvariantCulture, out var filled) && filled >= 0:
                Filled = filled;
                return true;
            case "--server":
                Server = ProgramIn(value);
                return File.Exists(Server);
            case "--against":
                Against = ProgramIn(value);
                return File.Exists(Against);
            case "--peers" when value == "oidc-provider":
                WithPeers = true;
                return true;
            case "--output":
                Output = value;
                return true;
            default:
                return false;
        }
    }
}
