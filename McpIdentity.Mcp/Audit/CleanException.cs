using System.Text;

namespace McpIdentity.Mcp.Audit;

/// <summary>An exception whose message repeats what a stranger wrote, as it may stand in a log: its stack over several lines, each message on one.</summary>
internal sealed class CleanException : Exception
{
    private readonly Exception _original;

    private CleanException(Exception original)
        : base(ForeignText.Clean(original.Message)) => _original = original;

    public override string? StackTrace => _original.StackTrace;

    /// <summary>The exception itself where its messages are clean.</summary>
    public static Exception? Of(Exception? exception) => Chain(exception).Any(error => ForeignText.IsRaw(error.Message)) ? new CleanException(exception!) : exception;

    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var error in Chain(_original))
        {
            text.Append(text.Length == 0 ? "" : " ---> ").Append(error.GetType()).Append(": ").AppendLine(ForeignText.Clean(error.Message));
        }

        return text.Append(_original.StackTrace).ToString();
    }

    private static IEnumerable<Exception> Chain(Exception? exception)
    {
        for (var error = exception; error is not null; error = error.InnerException)
        {
            yield return error;
        }
    }
}
