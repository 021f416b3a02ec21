using System.Collections.Concurrent;
using System.ComponentModel;
using System.Security.Claims;
using McpIdentity.Mcp;
using ModelContextProtocol.Server;

namespace McpServer;

/// <summary>Two tools that keep what each person writes apart: the caller comes from the verified token, never from an argument.</summary>
[McpServerToolType]
internal sealed class NoteTools(Notebook notebook)
{
    [McpServerTool(Name = "add_note"), ToolAccess(Scopes = "notes:write")]
    [Description("Writes a note that only you can read.")]
    public string Add(ClaimsPrincipal user, [Description("What to remember.")] string text)
    {
        notebook.Of(user).Enqueue(text);
        return "Noted.";
    }

    [McpServerTool(Name = "list_notes", ReadOnly = true), ToolAccess(Scopes = "notes:read")]
    [Description("Reads your notes.")]
    public string List(ClaimsPrincipal user) => notebook.Of(user) is { IsEmpty: false } notes ? string.Join('\n', notes) : "No notes yet.";
}

/// <summary>The notes of everybody, until the process ends.</summary>
internal sealed class Notebook
{
    private readonly ConcurrentDictionary<string, ConcurrentQueue<string>> _notes = new();

    public ConcurrentQueue<string> Of(ClaimsPrincipal user) =>
        _notes.GetOrAdd(user.FindFirst("sub")?.Value ?? throw new InvalidOperationException("The gate lets nobody through without a subject."), _ => []);
}
