using System.CommandLine;
using System.Globalization;

namespace McpIdentity.Server.Commands;

/// <summary>What <c>audit search</c> and <c>audit export</c> look for.</summary>
internal static class AuditFilterOptions
{
    private static readonly Option<string> Since = new("--since") { Description = "From then on: 2026-11-30, 2026-11-30T12:00Z, or so long ago: 90m, 24h, 7d." };
    private static readonly Option<string> Until = new("--until") { Description = "Before then, in the same forms." };
    private static readonly Option<string[]> Event = new("--event") { Description = "One of these events." };
    private static readonly Option<string> Client = new("--client") { Description = "A client, by id or name." };
    private static readonly Option<string> User = new("--user", "--subject") { Description = "A person, by identifier, e-mail address or name." };
    private static readonly Option<string> Resource = new("--resource") { Description = "At this MCP server, by its URL." };
    private static readonly Option<string> Tool = new("--tool") { Description = "Of this tool." };
    private static readonly Option<string> Result = new("--result") { Description = "success, failure, warning or not_enforced." };
    private static readonly Option<string> Id = new("--id") { Description = "Of a flow, a request (the reference of a page) or a grant." };

    /// <summary>How many rows <c>audit search</c> shows.</summary>
    public static Option<int> Limit { get; } = new("--limit") { Description = "How many at most.", DefaultValueFactory = _ => 100 };

    public static Command AddTo(Command verb) =>
        verb.With(Since).With(Until).With(Event).With(Client).With(User).With(Resource).With(Tool).With(Result).With(Id);

    /// <summary>The filter that was asked for, as the admin API names it; null where something was not understood, which standard error says.</summary>
    public static async Task<(string Name, string? Value)[]?> ReadAsync(ParseResult parsed)
    {
        var now = TimeProvider.System.GetUtcNow();
        foreach (var wrong in new[] { parsed.GetValue(Since), parsed.GetValue(Until) }.Where(text => text is not null && MomentOf(text, now) is null))
        {
            await Console.Error.WriteLineAsync($"{CommandLine.Printable(wrong)} is no moment: 2026-11-30, 2026-11-30T12:00Z, or so long ago: 90m, 24h, 7d.");
            return null;
        }

        return
        [
            ("since", Written(MomentOf(parsed.GetValue(Since), now))), ("until", Written(MomentOf(parsed.GetValue(Until), now))), ("event", parsed.GetValue(Event) is { Length: > 0 } events ? string.Join(',', events) : null),
            ("client_id", parsed.GetValue(Client)), ("user", parsed.GetValue(User)), ("resource", parsed.GetValue(Resource)), ("tool", parsed.GetValue(Tool)), ("result", parsed.GetValue(Result)), ("id", parsed.GetValue(Id)),
        ];
    }

    private static string? Written(DateTimeOffset? moment) => moment?.UtcDateTime.ToString("o", CultureInfo.InvariantCulture);

    /// <returns>Null where the text is none.</returns>
    public static DateTimeOffset? MomentOf(string? text, DateTimeOffset now)
    {
        if (text is not { Length: > 1 })
        {
            return null;
        }

        if (double.TryParse(text[..^1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount) && amount < 100_000)
        {
            return text[^1] switch
            {
                's' => now.AddSeconds(-amount),
                'm' => now.AddMinutes(-amount),
                'h' => now.AddHours(-amount),
                'd' => now.AddDays(-amount),
                _ => null,
            };
        }

        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var moment) ? moment : null;
    }
}
