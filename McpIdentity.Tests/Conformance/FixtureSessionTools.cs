using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using DescriptionAttribute = System.ComponentModel.DescriptionAttribute;

namespace McpIdentity.Tests.Conformance;

#pragma warning disable MCP9005 // Sampling, roots and logging are deprecated since 2026-07-28; scenarios ask for them all the same.
/// <summary>The tools that ask while they run, as revisions up to 2025-11-25 have it; it needs a session.</summary>
internal sealed class FixtureSessionTools
{
    [McpServerTool(Name = "test_sampling"), Description("Asks a model while it runs")]
    public static async Task<string> SampleAsync(McpServer server, string prompt, CancellationToken cancellationToken)
    {
        var sampled = await server.SampleAsync(
            new CreateMessageRequestParams { Messages = [new SamplingMessage { Role = Role.User, Content = [new TextContentBlock { Text = prompt }] }], MaxTokens = 100 },
            cancellationToken);
        return $"LLM response: {sampled.Content.OfType<TextContentBlock>().FirstOrDefault()?.Text}";
    }

    [McpServerTool(Name = "test_elicitation"), Description("Asks the person while it runs")]
    public static Task<string> ElicitAsync(McpServer server, string message, CancellationToken cancellationToken) =>
        AskAsync(server, message, cancellationToken, ("response", new ElicitRequestParams.StringSchema { Description = "The answer" }));

    [McpServerTool(Name = "test_elicitation_sep1034_defaults"), Description("Asks with defaults")]
    public static Task<string> DefaultsAsync(McpServer server, CancellationToken cancellationToken) => AskAsync(
        server, "Values that are there already", cancellationToken,
        ("name", new ElicitRequestParams.StringSchema { Default = "John Doe" }),
        ("age", new ElicitRequestParams.NumberSchema { Type = "integer", Default = 30 }),
        ("score", new ElicitRequestParams.NumberSchema { Default = 95.5 }),
        ("status", new ElicitRequestParams.UntitledSingleSelectEnumSchema { Enum = ["active", "inactive", "pending"], Default = "active" }),
        ("verified", new ElicitRequestParams.BooleanSchema { Default = true }));

    [McpServerTool(Name = "test_elicitation_sep1330_enums"), Description("Asks with choices")]
    public static Task<string> ChoicesAsync(McpServer server, CancellationToken cancellationToken) => AskAsync(
        server, "Every kind of choice", cancellationToken,
        ("untitledSingle", new ElicitRequestParams.UntitledSingleSelectEnumSchema { Enum = ["option1", "option2", "option3"] }),
        ("titledSingle", new ElicitRequestParams.TitledSingleSelectEnumSchema { OneOf = Titled("Option") }),
#pragma warning disable MCP9001 // The old kind is one of those that the scenario asks for.
        ("legacyEnum", new ElicitRequestParams.LegacyTitledEnumSchema { Enum = ["opt1", "opt2", "opt3"], EnumNames = ["Option One", "Option Two", "Option Three"] }),
#pragma warning restore MCP9001
        ("untitledMulti", new ElicitRequestParams.UntitledMultiSelectEnumSchema { Items = new() { Enum = ["option1", "option2", "option3"] } }),
        ("titledMulti", new ElicitRequestParams.TitledMultiSelectEnumSchema { Items = new() { AnyOf = Titled("Choice") } }));

    private static ElicitRequestParams.EnumSchemaOption[] Titled(string word) =>
        [new() { Const = "value1", Title = $"First {word}" }, new() { Const = "value2", Title = $"Second {word}" }, new() { Const = "value3", Title = $"Third {word}" }];

    private static async Task<string> AskAsync(
        McpServer server, string message, CancellationToken cancellationToken, params (string Field, ElicitRequestParams.PrimitiveSchemaDefinition Type)[] fields)
    {
        var schema = new ElicitRequestParams.RequestSchema();
        foreach (var (field, type) in fields)
        {
            schema.Properties[field] = type;
        }

        var result = await server.ElicitAsync(new ElicitRequestParams { Message = message, RequestedSchema = schema }, cancellationToken);
        return $"User response: action={result.Action}, content={string.Join(", ", result.Content ?? new Dictionary<string, System.Text.Json.JsonElement>())}";
    }
}
