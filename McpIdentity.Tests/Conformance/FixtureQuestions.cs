using System.Text.Json;
using ModelContextProtocol.Protocol;

namespace McpIdentity.Tests.Conformance;

#pragma warning disable MCPEXP001 // Questions in an answer are experimental in the SDK.
#pragma warning disable MCP9005 // Sampling, roots and logging are deprecated since 2026-07-28; scenarios ask for them all the same.
/// <summary>What a tool or prompt asks of the client before it answers (2026-07-28: the question is the result).</summary>
internal static class FixtureQuestions
{
    public static InputRequiredException Ask(params (string Name, InputRequest Question)[] questions) => Ask(state: null, questions);

    public static InputRequiredException Ask(string? state, params (string Name, InputRequest Question)[] questions) =>
        new(questions.ToDictionary(question => question.Name, question => question.Question), state);

    public static InputRequest Form(string message, string field, ElicitRequestParams.PrimitiveSchemaDefinition? type = null) =>
        InputRequest.ForElicitation(new ElicitRequestParams
        {
            Message = message,
            RequestedSchema = new ElicitRequestParams.RequestSchema { Properties = { [field] = type ?? new ElicitRequestParams.StringSchema() }, Required = [field] },
        });

    public static InputRequest Sample(string text) => InputRequest.ForSampling(new CreateMessageRequestParams
    {
        Messages = [new SamplingMessage { Role = Role.User, Content = [new TextContentBlock { Text = text }] }],
        MaxTokens = 100,
    });

    public static InputRequest Roots() => InputRequest.ForRootsList(new ListRootsRequestParams());

    /// <summary>What was typed into the field, or null where the form was not filled in, or with something else than text.</summary>
    public static string? AnswerTo(string field, InputResponse answer) =>
        answer.RawValue.ValueKind == JsonValueKind.Object &&
        answer.Deserialize(InputResponse.ElicitResultJsonTypeInfo)?.Content?.TryGetValue(field, out var value) is true && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
