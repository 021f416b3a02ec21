using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Catalogue;

/// <summary>A tool of a server behind this one, as it was seen last.</summary>
/// <param name="Name">Its name there.</param>
/// <param name="Title">What people read; null: its name.</param>
/// <param name="Description">In the words of the server.</param>
/// <param name="ReadOnly">Whether it says that it changes nothing; null: it says nothing of it.</param>
/// <param name="Destructive">Whether it says that it destroys; null: it says nothing of it.</param>
/// <param name="Hash">Of everything that a model reads of it.</param>
internal sealed record CatalogueTool(string Name, string? Title, string? Description, bool? ReadOnly, bool? Destructive, string Hash);

/// <summary>Which tools the servers behind this one have, as far as they have been listed.</summary>
internal sealed class ToolCatalogue
{
    private readonly ConcurrentDictionary<(string Server, string Tool), CatalogueTool> _tools = new();

    /// <returns>Null for a tool that no list has had.</returns>
    public CatalogueTool? Find(string server, string tool) => _tools.GetValueOrDefault((server, tool));

    /// <summary>All of one server, in ordinal order.</summary>
    public IReadOnlyList<CatalogueTool> Of(string server) =>
        [.. _tools.Where(tool => tool.Key.Server == server).Select(tool => tool.Value).OrderBy(tool => tool.Name, StringComparer.Ordinal)];

    /// <summary>Whether nobody may use the tool for now: it waits for a review, or was blocked.</summary>
    public bool IsHeld(string server, ToolReview review, string tool) => false;

    /// <summary>Takes note of the tools of a list that has passed.</summary>
    public void Learn(string server, ToolReview review, IReadOnlyList<JsonElement> tools)
    {
        foreach (var tool in tools)
        {
            var learnt = Read(tool);
            _tools[(server, learnt.Name)] = learnt;
        }
    }

    private static CatalogueTool Read(JsonElement tool)
    {
        var annotations = tool.TryGetProperty("annotations", out var said) && said.ValueKind == JsonValueKind.Object ? said : default;
        return new CatalogueTool(
            tool.GetProperty("name").GetString()!, Text(tool, "title") ?? Text(annotations, "title"), Text(tool, "description"),
            Flag(annotations, "readOnlyHint"), Flag(annotations, "destructiveHint"), Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(tool))));
    }

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static bool? Flag(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : null;
}
