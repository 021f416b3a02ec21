using System.Text.Json;
using System.Text.RegularExpressions;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Administration;

/// <summary>Calls operations by their names, and compares each answer with <c>docs/admin-api.json</c>.</summary>
/// <param name="client">Who calls.</param>
/// <param name="with">Whose list of what was called is shared.</param>
internal sealed class AdminScript(AdminClient client, AdminScript? with = null)
{
    private static readonly ApiDocument Document = new();

    public AdminClient Client => client;

    public HashSet<string> Done { get; } = with?.Done ?? [];

    public HashSet<string> Refused { get; } = with?.Refused ?? [];

    /// <returns>The answer; nothing of one without a body.</returns>
    public async Task<JsonElement> DoAsync(string id, string path, object? body = null, params (string Name, string Value)[] headers)
    {
        var operation = Operation(id, path);
        using var response = await client.SendAsync(operation.Method, path, body, headers);
        var text = await response.Content.ReadAsStringAsync();
        Assert.That((int)response.StatusCode, Is.EqualTo(operation.Success), $"{id} {text}");
        Assert.That(await Document.ProblemsOfAsync(operation, response), Is.Empty);
        Done.Add(id);
        return text.Length == 0 ? default : JsonElement.Parse(text);
    }

    public async Task RefusedAsync(string id, string path, int status, string code, object? body = null, params (string Name, string Value)[] headers)
    {
        using var response = await client.SendAsync(Operation(id, path).Method, path, body, headers);
        Assert.That(((int)response.StatusCode, response.IsSuccessStatusCode ? await response.Content.ReadAsStringAsync() : await response.ProblemAsync()), Is.EqualTo((status, code)), id);
        Refused.Add(id);
    }

    private static ApiDocument.Operation Operation(string id, string path)
    {
        var operation = Document.Operations.Single(operation => operation.Id == id);
        Assert.That(path.Split('?')[0], Does.Match($"^{Regex.Replace(operation.Path, @"\{[a-z_]+\}", "[^/]+")}$"), id);
        return operation;
    }
}
