namespace McpIdentity.Tests.Support;

/// <summary>
/// The programs that a test may need beside .NET. It says so by a category, and <c>./test.sh --fast</c> leaves those
/// categories out. A test that forgets it fails wherever the program is installed too, and so in every full run.
/// </summary>
internal static class Needs
{
    public const string Browser = "Browser";
    public const string Nginx = "Nginx";
    public const string Node = "Node";
    public const string PgBouncer = "PgBouncer";
    public const string Postgres = "Postgres";
    public const string Redis = "Redis";

    private static readonly Dictionary<string, string> OfProgram = new()
    {
        ["chromium"] = Browser,
        ["nginx"] = Nginx,
        ["node"] = Node,
        ["npm"] = Node,
        ["npx"] = Node,
        ["initdb"] = Postgres,
        ["pg_basebackup"] = Postgres,
        ["pg_ctl"] = Postgres,
        ["pgbouncer"] = PgBouncer,
        ["postgres"] = Postgres,
        ["psql"] = Postgres,
        ["redis-cli"] = Redis,
        ["redis-server"] = Redis,
    };

    public static IEnumerable<string> All => OfProgram.Values.Distinct();

    /// <summary>Throws where neither the test that runs nor its fixture has the category.</summary>
    public static void Check(string category)
    {
        var test = TestContext.CurrentContext.Test;
        if (!test.AllCategories().Contains(category))
        {
            throw new InvalidOperationException(
                $"{test.FullName} needs [Category(\"{category}\")], on the test, the case or the fixture: ./test.sh --fast runs what does without {category}.");
        }
    }

    /// <summary>The same for a command line, whose program may stand behind another (<c>setpriv</c>) or in a script for bash.</summary>
    public static void Check(string program, IEnumerable<string> arguments)
    {
        foreach (var word in arguments.Prepend(program).SelectMany(argument => argument.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)))
        {
            if (OfProgram.TryGetValue(Path.GetFileName(word), out var category))
            {
                Check(category);
            }
        }
    }
}
