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

    /// <summary>The option of every verb that lists.</summary>
    public static Option<string> Output { get; } = MakeOutput();

    /// <summary>One column: its heading, which in JSON is the member's name with underscores, and what stands in it.</summary>
    public sealed record Column<T>(string Name, Func<T, object?> Value);

    public static async Task WriteAsync<T>(ParseResult parsed, IReadOnlyList<T> rows, params Column<T>[] columns)
    {
        if (parsed.GetValue(Output) == "json")
        {
            await WriteJsonAsync(rows, columns);
            return;
        }

        var cells = rows.Select(row => columns.Select(column => CommandLine.Printable(TextOf(column.Value(row)))).ToArray()).ToList();
        var widths = columns.Select((column, i) => cells.Select(row => row[i].Length).Append(column.Name.Length).Max()).ToArray();
        Console.WriteLine(Line(columns.Select(column => column.Name), widths));
        cells.ForEach(row => Console.WriteLine(Line(row, widths)));
        if (rows.Count == 0)
        {
            await Console.Error.WriteLineAsync("There are none.");
        }
    }

    private static async Task WriteJsonAsync<T>(IReadOnlyList<T> rows, Column<T>[] columns)
    {
        using var buffer = new MemoryStream();
        await using (var json = new Utf8JsonWriter(buffer, Json))
        {
            json.WriteStartArray();
            foreach (var row in rows)
            {
                json.WriteStartObject();
                foreach (var column in columns)
                {
                    json.WritePropertyName(column.Name.Replace(' ', '_').Replace('-', '_').ToLowerInvariant());
                    JsonSerializer.Serialize(json, column.Value(row) switch { DateTimeOffset moment => moment.UtcDateTime, var other => other });
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        Console.WriteLine(Encoding.UTF8.GetString(buffer.ToArray()));
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
        var output = new Option<string>("--output", "-o") { Description = "text: a table. json: an array of objects, with times in UTC.", DefaultValueFactory = _ => "text" };
        output.AcceptOnlyFromAmong("text", "json");
        return output;
    }
}
