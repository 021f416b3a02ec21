using System.CommandLine;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace McpIdentity.Server.Commands;

/// <summary>Rows as a table with a heading for people, or as a JSON array for programs (<c>-o json</c>).</summary>
internal static class Table
{
    // A name with umlauts stays readable; what could break a terminal is escaped all the same.
    private static readonly JsonWriterOptions Json = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The option of every verb that prints something for programs.</summary>
    public static Option<string> Output { get; } = MakeOutput();

    public static bool IsJson(ParseResult parsed) => parsed.GetValue(Output) == "json";

    /// <summary>One column: its heading, which in JSON is the member's name with underscores, and what stands in it.</summary>
    public sealed record Column<T>(string Name, Func<T, object?> Value);

    public static async Task WriteAsync<T>(ParseResult parsed, IReadOnlyList<T> rows, params Column<T>[] columns)
    {
        if (IsJson(parsed))
        {
            await WriteJsonAsync(rows, columns);
            return;
        }

        var cells = rows.Select(row => columns.Select(column => CommandLine.Printable(TextOf(column.Value(row)))).ToArray()).ToList();
        var widths = columns.Select((column, i) => cells.Select(row => row[i].Length).Append(column.Name.Length).Max()).ToArray();
        Console.WriteLine(Line(columns.Select(column => column.Name), widths));
        cells.ForEach(row => Console.WriteLine(Line(row, widths)));
        if (rows.Count == 0 && !CommandLine.IsQuiet(parsed))
        {
            await Console.Error.WriteLineAsync("There are none.");
        }
    }

    /// <summary>One thing: a line for each of its members, or a JSON object.</summary>
    public static Task WriteOneAsync(ParseResult parsed, params (string Name, object? Value)[] members)
    {
        if (IsJson(parsed))
        {
            return WriteJsonAsync(json => WriteObject(json, members));
        }

        var width = members.Max(member => member.Name.Length);
        foreach (var (name, value) in members)
        {
            Console.WriteLine($"{name.PadRight(width)}  {CommandLine.Printable(TextOf(value))}");
        }

        return Task.CompletedTask;
    }

    /// <summary>What a verb has done: a sentence, or <c>{ "id": …, "done": … }</c>.</summary>
    /// <param name="parsed">What was written.</param>
    /// <param name="id">Of what it was done to.</param>
    /// <param name="done">In a word of its own, as <c>disabled</c>.</param>
    /// <param name="sentence">For people; <c>--quiet</c> leaves it out.</param>
    /// <param name="count">To how many, where it was done to several.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> WriteDoneAsync(ParseResult parsed, string? id, string done, string sentence, int? count = null)
    {
        if (IsJson(parsed))
        {
            await WriteJsonAsync(json => WriteObject(json, count is null ? [("id", id), ("done", done)] : [("id", id), ("done", done), ("count", count)]));
        }
        else if (!CommandLine.IsQuiet(parsed))
        {
            Console.WriteLine(CommandLine.Printable(sentence));
        }

        return ExitCode.Ok;
    }

    /// <summary>The member's name of a heading.</summary>
    public static string MemberOf(string heading) => heading.Replace(' ', '_').Replace('-', '_').ToLowerInvariant();

    private static Task WriteJsonAsync<T>(IReadOnlyList<T> rows, Column<T>[] columns) => WriteJsonAsync(json =>
    {
        json.WriteStartArray();
        foreach (var row in rows)
        {
            WriteObject(json, columns.Select(column => (column.Name, column.Value(row))));
        }

        json.WriteEndArray();
    });

    private static async Task WriteJsonAsync(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        await using (var json = new Utf8JsonWriter(buffer, Json))
        {
            write(json);
        }

        Console.WriteLine(Encoding.UTF8.GetString(buffer.ToArray()));
    }

    private static void WriteObject(Utf8JsonWriter json, IEnumerable<(string Name, object? Value)> members)
    {
        json.WriteStartObject();
        foreach (var (name, value) in members)
        {
            json.WritePropertyName(MemberOf(name));
            // To the millisecond, as the admin API has them.
            JsonSerializer.Serialize(json, value switch { DateTimeOffset moment => moment.UtcDateTime.AddTicks(-(moment.Ticks % TimeSpan.TicksPerMillisecond)), var other => other });
        }

        json.WriteEndObject();
    }

    private static string? TextOf(object? value) => value switch
    {
        null or "" => null,
        DateTimeOffset moment => CommandLine.Moment(moment),
        bool flag => flag ? "yes" : "no",
        IEnumerable<string> words => string.Join(' ', words),
        _ => Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture),
    };

    private static string Line(IEnumerable<string> cells, int[] widths) => string.Join("  ", cells.Select((cell, i) => cell.PadRight(widths[i]))).TrimEnd();

    private static Option<string> MakeOutput()
    {
        var output = new Option<string>("--output", "-o") { Description = "table (or text): for people. json: for programs, with times in UTC.", DefaultValueFactory = _ => "table" };
        output.AcceptOnlyFromAmong("table", "text", "json");
        return output;
    }
}
