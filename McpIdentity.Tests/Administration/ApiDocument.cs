using System.Globalization;
using System.Text.Json;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Administration;

/// <summary><c>docs/admin-api.json</c> as a client reads it that knows nothing else: its operations, and whether an answer is as they say.</summary>
internal sealed class ApiDocument
{
    private readonly JsonElement _document = JsonDocument.Parse(File.ReadAllText(Repository.PathOf("docs", "admin-api.json"))).RootElement;

    /// <summary>An operation of the document.</summary>
    public sealed record Operation(string Id, HttpMethod Method, string Path, string Right, string Scope, JsonElement Description)
    {
        public bool HasPathParameter => Path.Contains('}', StringComparison.Ordinal);

        /// <summary>The body that the document shows; null where it takes none.</summary>
        public string? Example => Description.TryGetProperty("requestBody", out var body) ? body.GetProperty("content").GetProperty("application/json").GetProperty("example").GetRawText() : null;

        public int Success => Description.GetProperty("responses").EnumerateObject().Select(response => int.Parse(response.Name, CultureInfo.InvariantCulture)).First(status => status < 300);

        public override string ToString() => Id;
    }

    public IReadOnlyList<Operation> Operations =>
    [
        .. from path in _document.GetProperty("paths").EnumerateObject()
           from operation in path.Value.EnumerateObject()
           select new Operation(
               operation.Value.Text("operationId")!, new HttpMethod(operation.Name.ToUpperInvariant()), path.Name, operation.Value.Text("x-right")!,
               operation.Value.GetProperty("security")[0].GetProperty("token")[0].GetString()!, operation.Value),
    ];

    /// <summary>What of an answer is not as the document says.</summary>
    public async Task<IReadOnlyList<string>> ProblemsOfAsync(Operation operation, HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync();
        if (!operation.Description.GetProperty("responses").TryGetProperty($"{(int)response.StatusCode}", out var described))
        {
            return [$"{operation}: {(int)response.StatusCode} is not described: {text}"];
        }

        if (!described.TryGetProperty("content", out var content))
        {
            return text.Length == 0 ? [] : [$"{operation}: has a body: {text}"];
        }

        var media = response.Content.Headers.ContentType?.MediaType ?? "";
        if (!content.TryGetProperty(media, out var type))
        {
            return [$"{operation}: is {media}, and none of {string.Join(", ", content.EnumerateObject().Select(one => one.Name))}: {text}"];
        }

        return media is "application/json" or "application/problem+json" ? [.. Check(JsonDocument.Parse(text).RootElement, type.GetProperty("schema"), operation.Id)] : [];
    }

    private IEnumerable<string> Check(JsonElement value, JsonElement schema, string at)
    {
        if (schema.ValueKind == JsonValueKind.True)
        {
            return [];
        }

        if (schema.TryGetProperty("$ref", out var reference))
        {
            return Check(value, _document.GetProperty("components").GetProperty("schemas").GetProperty(reference.GetString()!.Split('/')[^1]), at);
        }

        string[] types = !schema.TryGetProperty("type", out var type) ? [] : type.ValueKind == JsonValueKind.Array ? [.. type.EnumerateArray().Select(one => one.GetString()!)] : [type.GetString()!];
        var is_ = value.ValueKind switch
        {
            JsonValueKind.Object => "object",
            JsonValueKind.Array => "array",
            JsonValueKind.String => "string",
            JsonValueKind.True or JsonValueKind.False => "boolean",
            JsonValueKind.Null => "null",
            _ => "number",
        };
        if (types.Length > 0 && !types.Contains(is_) && !(is_ == "number" && types.Contains("integer")))
        {
            return [$"{at}: is {is_}, not {string.Join(" or ", types)}"];
        }

        if (schema.TryGetProperty("enum", out var values) && !values.EnumerateArray().Any(one => one.ToString() == value.ToString()))
        {
            return [$"{at}: {value} is none of {values}"];
        }

        if (schema.TryGetProperty("format", out var format) && format.GetString() == "date-time" && !(DateTimeOffset.TryParse(value.GetString(), CultureInfo.InvariantCulture, out _) && value.GetString()!.EndsWith('Z')))
        {
            return [$"{at}: {value} is no moment in UTC"];
        }

        return value.ValueKind switch
        {
            JsonValueKind.Array when schema.TryGetProperty("items", out var items) => value.EnumerateArray().SelectMany((item, i) => Check(item, items, $"{at}[{i}]")),
            JsonValueKind.Object => CheckMembers(value, schema, at),
            _ => [],
        };
    }

    private IEnumerable<string> CheckMembers(JsonElement value, JsonElement schema, string at)
    {
        foreach (var required in schema.TryGetProperty("required", out var names) ? names.EnumerateArray().Select(name => name.GetString()!) : [])
        {
            if (!value.TryGetProperty(required, out _))
            {
                yield return $"{at}: has no {required}";
            }
        }

        foreach (var member in value.EnumerateObject())
        {
            var described = schema.TryGetProperty("properties", out var properties) && properties.TryGetProperty(member.Name, out var own) ? own
                : schema.TryGetProperty("additionalProperties", out var others) ? others : default;
            foreach (var problem in described.ValueKind == JsonValueKind.Undefined ? [$"{at}: has {member.Name}, which is not described"] : Check(member.Value, described, $"{at}.{member.Name}"))
            {
                yield return problem;
            }
        }
    }
}
