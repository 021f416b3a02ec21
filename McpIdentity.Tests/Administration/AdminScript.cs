using System.Text.Json;
using System.Text.RegularExpressions;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Administration;

/// <summary>Calls operations by their names, and compares each answer with <c>docs/admin-api.json</c>.</summary>
/// <param name="client">Who calls.</param>
/// <param name="with">Whose list of what was called is shared.</param>
internal sealed class AdminScript(AdminClient client, AdminScript? with = null)
{
    private static readonly JsonElement Document = JsonElement.Parse(File.ReadAllText(Repository.PathOf("docs", "admin-api.json")));
    private static readonly IReadOnlyList<AdminOperation> Operations = AdminApi.Create().Operations;

    public AdminClient Client => client;

    public HashSet<string> Done { get; } = with?.Done ?? [];

    public HashSet<string> Refused { get; } = with?.Refused ?? [];

    /// <returns>The answer; nothing of one without a body.</returns>
    public async Task<JsonElement> DoAsync(string id, string path, object? body = null, params (string Name, string Value)[] headers)
    {
        var operation = Operation(id, path);
        using var response = await client.SendAsync(new HttpMethod(operation.Method), path, body, headers);
        var text = await response.Content.ReadAsStringAsync();
        Assert.That((int)response.StatusCode, Is.EqualTo(operation.Status), $"{id} {text}");
        Done.Add(id);
        if (operation.Answer is null)
        {
            Assert.That(text, Is.Empty);
            return default;
        }

        var answer = JsonElement.Parse(text);
        var schema = Document.GetProperty("paths").GetProperty(operation.Path).GetProperty(operation.Method.ToLowerInvariant()).GetProperty("responses").GetProperty($"{operation.Status}")
            .GetProperty("content").GetProperty("application/json").GetProperty("schema");
        Check(schema, answer, id);
        return answer;
    }

    public async Task RefusedAsync(string id, string path, int status, string code, object? body = null, params (string Name, string Value)[] headers)
    {
        using var response = await client.SendAsync(new HttpMethod(Operation(id, path).Method), path, body, headers);
        Assert.That(((int)response.StatusCode, response.IsSuccessStatusCode ? await response.Content.ReadAsStringAsync() : await response.ProblemAsync()), Is.EqualTo((status, code)), id);
        Refused.Add(id);
    }

    private static AdminOperation Operation(string id, string path)
    {
        var operation = Operations.Single(operation => operation.Id == id);
        Assert.That(path.Split('?')[0], Does.Match($"^{Regex.Replace(operation.Path, @"\{[a-z_]+\}", "[^/]+")}$"), id);
        return operation;
    }

    private static void Check(JsonElement schema, JsonElement value, string where)
    {
        if (schema.ValueKind != JsonValueKind.Object)
        {
            return; // anything
        }

        if (schema.TryGetProperty("$ref", out var reference))
        {
            Check(Document.GetProperty("components").GetProperty("schemas").GetProperty(reference.GetString()!.Split('/')[^1]), value, where);
            return;
        }

        if (schema.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String)
        {
            Assert.That(value.ValueKind switch
            {
                JsonValueKind.Object => "object",
                JsonValueKind.Array => "array",
                JsonValueKind.String => "string",
                JsonValueKind.Number => "integer",
                _ => "boolean",
            }, Is.EqualTo(type.GetString()), where);
        }

        if (value.ValueKind == JsonValueKind.Object && schema.TryGetProperty("properties", out var members))
        {
            foreach (var required in schema.TryGetProperty("required", out var names) ? names.EnumerateArray() : [])
            {
                Assert.That(value.TryGetProperty(required.GetString()!, out _), Is.True, $"{where} lacks {required}");
            }

            foreach (var member in value.EnumerateObject())
            {
                Assert.That(members.TryGetProperty(member.Name, out var described), Is.True, $"{where}.{member.Name} is not described");
                Check(described, member.Value, $"{where}.{member.Name}");
            }
        }

        if (value.ValueKind == JsonValueKind.Array && schema.TryGetProperty("items", out var items))
        {
            foreach (var item in value.EnumerateArray())
            {
                Check(items, item, where + "[]");
            }
        }
    }
}
