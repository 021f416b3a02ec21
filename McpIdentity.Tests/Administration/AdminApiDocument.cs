using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Protocol;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace McpIdentity.Tests.Administration;

/// <summary>
/// Writes <c>docs/admin-api.json</c> (OpenAPI 3.1) from the table of operations that the server routes by. Here and not in the server,
/// which serves the committed file and needs nothing of this at its start.
/// </summary>
internal sealed partial class AdminApiDocument
{
    private static readonly int[] CommonProblems = [400, 401, 403, 429, 503];

    private readonly JsonSerializerOptions _options = AdminJson.Default.Options;
    private readonly SortedDictionary<string, JsonNode> _schemas = new(StringComparer.Ordinal);
    private readonly Dictionary<string, XElement> _words = XDocument.Load(Path.ChangeExtension(typeof(AdminApi).Assembly.Location, ".xml")).Descendants("member")
        .ToDictionary(member => member.Attribute("name")!.Value, member => member);

    public static string Write(IReadOnlyList<AdminOperation> operations)
    {
        var document = new AdminApiDocument();
        var paths = new JsonObject();
        foreach (var path in operations.GroupBy(operation => operation.Path).OrderBy(path => path.Key, StringComparer.Ordinal))
        {
            paths[path.Key] = new JsonObject(path.Select(operation => KeyValuePair.Create(operation.Method.ToLowerInvariant(), (JsonNode?)document.Describe(operation))));
        }

        document.Add("Problem", new JsonObject
        {
            ["type"] = "object",
            ["description"] = "Why a request was refused (RFC 9457).",
            ["properties"] = new JsonObject
            {
                ["type"] = new JsonObject { ["type"] = "string", ["description"] = "urn:mcpidentity:problem: and a code that stays the same." },
                ["title"] = Text(),
                ["status"] = new JsonObject { ["type"] = "integer" },
                ["detail"] = Text(),
                ["instance"] = Text(),
                ["reference"] = new JsonObject { ["type"] = "string", ["description"] = "The trace id of the request, which the log and the audit carry too." },
                ["errors"] = new JsonObject { ["type"] = "object", ["description"] = "What is wrong with which member or parameter.", ["additionalProperties"] = new JsonObject { ["type"] = "array", ["items"] = Text() } },
            },
            ["required"] = new JsonArray("type", "title", "status", "detail", "instance", "reference"),
            ["example"] = new JsonObject
            {
                ["type"] = "urn:mcpidentity:problem:client_not_found",
                ["title"] = "Client not found",
                ["status"] = 404,
                ["detail"] = "There is no client 'reports'.",
                ["instance"] = Paths.AdminApi + "/clients/reports",
                ["reference"] = "0af7651916cd43dd8448eb211c80319c",
            },
        });
        var all = new JsonObject
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject { ["title"] = "McpIdentity admin API", ["version"] = "1", ["description"] = "docs/administration.md says who may use it and how." },
            ["servers"] = new JsonArray(new JsonObject { ["url"] = Paths.AdminApi }),
            ["security"] = new JsonArray(new JsonObject { ["token"] = new JsonArray() }),
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["schemas"] = new JsonObject(document._schemas.Select(schema => KeyValuePair.Create(schema.Key, (JsonNode?)schema.Value))),
                ["securitySchemes"] = new JsonObject { ["token"] = new JsonObject { ["type"] = "oauth2", ["description"] = $"An access token of this server, asked for with resource={{issuer}}{Paths.AdminApi} (RFC 8707).", ["flows"] = Flows() } },
            },
        };
        return all.ToJsonString(new JsonSerializerOptions { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n";
    }

    private JsonObject Describe(AdminOperation operation)
    {
        var parameters = PathPart().Matches(operation.Path).Select(part => new JsonObject { ["name"] = part.Groups[1].Value, ["in"] = "path", ["required"] = true, ["schema"] = Text() })
            .Concat(operation.Query.Select(Describe)).ToList();
        var isWrite = operation.Method != "GET";
        if (operation.Method == "POST")
        {
            parameters.Add(Header("Idempotency-Key", "Any text of at most 255 characters: the same request with the same key is done once, and answered again for 24 hours."));
        }

        if (isWrite && operation.Path.Contains('}', StringComparison.Ordinal))
        {
            parameters.Add(Header("If-Match", "The ETag of what was read: it is changed only as it was then (412 otherwise)."));
        }

        var described = new JsonObject
        {
            ["operationId"] = operation.Id,
            ["summary"] = operation.Summary,
            ["tags"] = new JsonArray(operation.Subject),
            ["security"] = new JsonArray(new JsonObject { ["token"] = new JsonArray(McpIdentity.Server.Administration.AdminRights.ScopeOf(operation.Right)) }),
            ["x-right"] = JsonNamingPolicy.SnakeCaseLower.ConvertName(operation.Right.ToString()),
        };
        if (parameters.Count > 0)
        {
            described["parameters"] = new JsonArray([.. parameters]);
        }

        if (operation.Body is { } body)
        {
            var example = body.GetProperty("Example", BindingFlags.Static | BindingFlags.Public)!.GetValue(null)!;
            described["requestBody"] = new JsonObject
            {
                ["required"] = true,
                ["content"] = new JsonObject { ["application/json"] = new JsonObject { ["schema"] = Reference(body, isAnswer: false), ["example"] = JsonSerializer.SerializeToNode(example, _options.GetTypeInfo(body)) } },
            };
        }

        var success = new JsonObject { ["description"] = ReasonPhrases.GetReasonPhrase(operation.Status) };
        if (operation.Answer is { } answer)
        {
            success["content"] = new JsonObject { ["application/json"] = new JsonObject { ["schema"] = Reference(answer, isAnswer: true) } };
        }
        else if (operation.MediaTypes.Count > 0)
        {
            success["content"] = new JsonObject(operation.MediaTypes.Select(type => KeyValuePair.Create(type, (JsonNode?)new JsonObject { ["schema"] = Text() })));
        }

        // What a path or a filter names may not be there, or be two.
        var names = operation.Path.Contains('}', StringComparison.Ordinal) || operation.Query.Any(parameter => parameter.Name is not ("limit" or "cursor"));
        int[] problems = [.. CommonProblems, .. names || isWrite ? [404, 409] : (int[])[], .. isWrite ? [412, 413, 415, 422] : (int[])[]];
        described["responses"] = new JsonObject(problems.Order().Select(status => KeyValuePair.Create($"{status}", (JsonNode?)new JsonObject
        {
            ["description"] = ReasonPhrases.GetReasonPhrase(status),
            ["content"] = new JsonObject { [Problem.MediaType] = new JsonObject { ["schema"] = new JsonObject { ["$ref"] = "#/components/schemas/Problem" } } },
        })).Prepend(KeyValuePair.Create($"{operation.Status}", (JsonNode?)success)));
        return described;
    }

    private static JsonObject Describe(AdminParameter parameter)
    {
        var described = new JsonObject { ["name"] = parameter.Name, ["in"] = "query", ["description"] = parameter.Meaning, ["schema"] = SchemaOf(parameter) };
        if (parameter.IsRequired)
        {
            described["required"] = true;
        }

        return described;
    }

    private JsonObject Reference(Type type, bool isAnswer)
    {
        var name = NameOf(type);
        if (!_schemas.ContainsKey(name))
        {
            _schemas[name] = new JsonObject(); // a type that holds itself
            _schemas[name] = SchemaOf(type, isAnswer);
        }

        return new JsonObject { ["$ref"] = $"#/components/schemas/{name}" };
    }

    private JsonNode SchemaOf(Type type, bool isAnswer) => _options.GetJsonSchemaAsNode(type, new JsonSchemaExporterOptions
    {
        TreatNullObliviousAsNonNullable = true,
        TransformSchemaNode = (context, schema) =>
        {
            var own = Nullable.GetUnderlyingType(context.TypeInfo.Type) ?? context.TypeInfo.Type;
            if (own == typeof(DateTimeOffset))
            {
                schema = new JsonObject { ["type"] = Nullable.GetUnderlyingType(context.TypeInfo.Type) is not null && !isAnswer ? new JsonArray("string", "null") : "string", ["format"] = "date-time" };
            }
            else if (context.Path.Length > 0 && own.Namespace?.StartsWith("McpIdentity", StringComparison.Ordinal) == true && context.TypeInfo.Kind == System.Text.Json.Serialization.Metadata.JsonTypeInfoKind.Object)
            {
                schema = Reference(own, isAnswer);
            }

            if (schema is not JsonObject described)
            {
                return schema;
            }

            if (isAnswer && described["type"] is JsonArray types)
            {
                described["type"] = types.Select(kind => kind!.GetValue<string>()).Single(kind => kind != "null");
            }

            if (isAnswer && described["properties"] is JsonObject properties && context.TypeInfo.Kind == System.Text.Json.Serialization.Metadata.JsonTypeInfoKind.Object)
            {
                described["required"] = new JsonArray([.. context.TypeInfo.Properties.Where(property => properties.ContainsKey(property.Name) && !property.IsGetNullable).Select(property => (JsonNode)property.Name)]);
            }

            if (context.PropertyInfo?.AttributeProvider is { } member)
            {
                foreach (var attribute in member.GetCustomAttributes(inherit: false))
                {
                    switch (attribute)
                    {
                        case AllowedValuesAttribute allowed:
                            described["enum"] = new JsonArray([.. allowed.Values.Select(value => JsonSerializer.SerializeToNode(value))]);
                            break;
                        case StringLengthAttribute length:
                            (described["minLength"], described["maxLength"]) = (length.MinimumLength, length.MaximumLength);
                            break;
                        case MaxLengthAttribute most:
                            described[described["items"] is null ? "maxLength" : "maxItems"] = most.Length;
                            break;
                        case System.ComponentModel.DataAnnotations.RangeAttribute range:
                            (described["minimum"], described["maximum"]) = (JsonSerializer.SerializeToNode(range.Minimum), JsonSerializer.SerializeToNode(range.Maximum));
                            break;
                    }
                }

                if (WordsOf(context.PropertyInfo.DeclaringType, ((MemberInfo)member).Name) is { } words)
                {
                    described["description"] = words;
                }
            }
            else if (context.Path.Length == 0 && WordsOf(type, null) is { } words)
            {
                described.Insert(0, "description", words);
            }

            return described;
        },
    });

    private string? WordsOf(Type type, string? member)
    {
        var open = type.IsGenericType ? type.GetGenericTypeDefinition() : type;
        var words = member is null ? _words.GetValueOrDefault($"T:{open.FullName}")?.Element("summary")
            : _words.GetValueOrDefault($"T:{open.FullName}")?.Elements("param").FirstOrDefault(param => param.Attribute("name")!.Value == member)
                ?? _words.GetValueOrDefault($"P:{open.FullName}.{member}")?.Element("summary");
        return words is null ? null : Spaces().Replace(string.Concat(words.Nodes().Select(node => node is XElement { Name.LocalName: "see" } see ? see.Attribute("cref")!.Value.Split('.')[^1] : node is XElement inner ? inner.Value : ((XText)node).Value)), " ").Trim();
    }

    private void Add(string name, JsonNode schema) => _schemas[name] = schema;

    private static string NameOf(Type type) => type.IsGenericType ? type.GetGenericArguments()[0].Name + "Page" : type.Name;

    private static JsonObject Text() => new() { ["type"] = "string" };

    private static JsonObject Header(string name, string meaning) => new() { ["name"] = name, ["in"] = "header", ["description"] = meaning, ["schema"] = Text() };

    private static JsonObject SchemaOf(AdminParameter parameter) =>
        parameter.Kind == "date-time" ? new() { ["type"] = "string", ["format"] = "date-time" }
        : parameter.Values is { } values ? new() { ["type"] = parameter.Kind, ["enum"] = new JsonArray([.. values.Select(value => (JsonNode)value)]) }
        : new() { ["type"] = parameter.Kind };

    private static JsonObject Flows()
    {
        var scopes = () => new JsonObject(ServerScopes.OfAdminApi.Select(scope => KeyValuePair.Create(scope.Name, (JsonNode?)scope.Meaning)));
        return new JsonObject
        {
            ["authorizationCode"] = new JsonObject { ["authorizationUrl"] = Paths.Authorize, ["tokenUrl"] = Paths.Token, ["scopes"] = scopes() },
            ["clientCredentials"] = new JsonObject { ["tokenUrl"] = Paths.Token, ["scopes"] = scopes() },
        };
    }

    [GeneratedRegex(@"\{([a-z_]+)\}")]
    private static partial Regex PathPart();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
