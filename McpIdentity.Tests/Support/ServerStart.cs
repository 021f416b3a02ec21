using System.Globalization;

namespace McpIdentity.Tests.Support;

/// <summary>How a <see cref="ServerProcess"/> is started.</summary>
internal sealed record ServerStart
{
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>Added to the environment of the test run; a null removes a variable.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>();

    /// <summary>What a shell does in the server's place before it becomes the server, such as <c>ulimit -n 256</c>.</summary>
    public string? Before { get; init; }

    public string EnvironmentName { get; init; } = "Development";

    /// <summary>The working directory; absent, a new one that is deleted afterwards.</summary>
    public string? Folder { get; init; }

    /// <summary>Absent, the port that the command line or the environment names, or else a free one.</summary>
    public int? Port { get; init; }

    public int ChoosePort()
    {
        const string Option = "--Server:Port=";
        var option = Arguments.LastOrDefault(argument => argument.StartsWith(Option, StringComparison.OrdinalIgnoreCase));
        var said = option?[Option.Length..] ?? Environment.GetValueOrDefault("PORT");
        return Port ?? (said is null ? Ports.Next() : int.Parse(said, CultureInfo.InvariantCulture));
    }

    /// <summary>A port and a private database, unless the environment or the command line names them.</summary>
    public IEnumerable<string> DefaultArguments(int port, string folder)
    {
        if (!Says("PORT", "--Server:Port"))
        {
            yield return $"--Server:Port={port}";
        }

        if (!Says("DATABASE_URL", "--Database:ConnectionString"))
        {
            yield return $"--Database:ConnectionString=Data Source={Path.Combine(folder, "mcpidentity.db")}";
        }
    }

    private bool Says(string variable, string option) =>
        Environment.ContainsKey(variable) || Arguments.Any(argument => argument.StartsWith(option, StringComparison.OrdinalIgnoreCase));
}
