using System.Globalization;
using System.Text;
using McpIdentity.Mcp.Audit;

namespace McpIdentity.Server.Commands;

/// <summary>
/// Standard output or standard error of a verb. Much of what is printed somebody else has written, or has put into the database: none of it
/// moves the cursor, turns text round or gives the terminal an order. Such a character is printed as JSON escapes it, and in JSON means the same so (RFC 8259 §7).
/// </summary>
internal sealed class PrintedText(TextWriter to) : TextWriter(CultureInfo.InvariantCulture)
{
    // Once: tests run many verbs in one process.
    private static readonly Lazy<PrintedText[]> Installed = new(() =>
    {
        PrintedText output = new(Console.Out), error = new(Console.Error);
        Console.SetOut(output);
        Console.SetError(error);
        return [output, error];
    });

    public override Encoding Encoding => to.Encoding;

    /// <summary>From here on all that this process says goes through it.</summary>
    public static void Install() => _ = Installed.Value;

    public override void Write(char value) => Write(value.ToString());

    public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

    public override void Write(string? value)
    {
        var text = value ?? "";
        var clean = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            _ = ForeignText.IsRaw(text[i]) && !IsOfLines(text, i) ? clean.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:x4}") : clean.Append(text[i]);
        }

        to.Write(clean.ToString());
    }

    public override void Flush() => to.Flush();

    // Texts of several lines are printed too, and a line that is written over (progress) begins with a return.
    private static bool IsOfLines(string text, int i) => text[i] is '\n' or '\t' || (text[i] == '\r' && (i == 0 || (i + 1 < text.Length && text[i + 1] == '\n')));
}
