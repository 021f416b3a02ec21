using System.Text.Json;

namespace McpIdentity.Tests.Audit;

/// <summary>Reads a security log while it is being written.</summary>
internal static class LogLines
{
    private static readonly TimeSpan ArrivesWithin = TimeSpan.FromSeconds(60);

    /// <summary>Whole lines, each of which must be one JSON object.</summary>
    public static List<JsonElement> Read(string path) => Parse(ReadText(path));

    public static List<JsonElement> Parse(string text) =>
        [.. text.Split('\n').SkipLast(1).Select(line => JsonDocument.Parse(line).RootElement.Clone())];

    /// <summary>Waits for an event that satisfies the condition: the log is written behind the answer's back.</summary>
    public static async Task<JsonElement> WaitForAsync(string path, string name, Func<JsonElement, bool>? condition = null)
    {
        using var deadline = new CancellationTokenSource(ArrivesWithin);
        while (true)
        {
            // Before its first line there is no file.
            foreach (var line in (File.Exists(path) ? Read(path) : []).Where(line => line.GetProperty("event").GetString() == name && (condition is null || condition(line))))
            {
                return line;
            }

            if (deadline.IsCancellationRequested)
            {
                throw new AssertionException($"No such event {name} in:\n{ReadText(path)}");
            }

            await Task.Delay(20);
        }
    }

    public static string ReadText(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(file);
        return reader.ReadToEnd();
    }
}
