using System.Security.Cryptography;
using System.Text;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using static McpIdentity.Tests.Conformance.FixtureQuestions;
using DescriptionAttribute = System.ComponentModel.DescriptionAttribute;

namespace McpIdentity.Tests.Conformance;

#pragma warning disable MCPEXP001 // Questions in an answer are experimental in the SDK.
#pragma warning disable MCP9005 // Sampling, roots and logging are deprecated since 2026-07-28; scenarios ask for them all the same.
/// <summary>The tools that ask by an answer: the scenarios <c>input-required-result-…</c>.</summary>
internal sealed class FixtureAskingTools
{
    private static readonly byte[] StateKey = RandomNumberGenerator.GetBytes(32);

    [McpServerTool(Name = "test_input_required_result_elicitation"), Description("Asks for a name")]
    public static string Name(RequestContext<CallToolRequestParams> context) =>
        Answer(context, "user_name") is { } answer && AnswerTo("name", answer) is { } name
            ? $"Hello, {name}!"
            : throw Ask(("user_name", Form("What is your name?", "name")));

    [McpServerTool(Name = "test_input_required_result_sampling"), Description("Asks a model")]
    public static string Capital(RequestContext<CallToolRequestParams> context) =>
        Answer(context, "capital_question")?.Deserialize(InputResponse.CreateMessageResultJsonTypeInfo) is { } sampled
            ? $"It said: {sampled.Content.OfType<TextContentBlock>().FirstOrDefault()?.Text}"
            : throw Ask(("capital_question", Sample("What is the capital of France?")));

    [McpServerTool(Name = "test_input_required_result_list_roots"), Description("Asks for roots")]
    public static string Folders(RequestContext<CallToolRequestParams> context) =>
        Answer(context, "client_roots")?.Deserialize(InputResponse.ListRootsResultJsonTypeInfo) is { } roots
            ? $"{roots.Roots.Count} roots"
            : throw Ask(("client_roots", Roots()));

    [McpServerTool(Name = "test_input_required_result_request_state"), Description("Gives a state and wants it back")]
    public static string State(RequestContext<CallToolRequestParams> context) => context.Params.RequestState switch
    {
        null => throw Ask("the state", ("confirm", Confirmation())),
        "the state" => "state-ok: it came back as it was",
        _ => "another state came back",
    };

    [McpServerTool(Name = "test_input_required_result_multiple_inputs"), Description("Asks three things")]
    public static string Three(RequestContext<CallToolRequestParams> context) =>
        context.Params.InputResponses is { Count: >= 3 }
            ? "All three were answered."
            : throw Ask("three", ("user_name", Form("What is your name?", "name")), ("greeting", Sample("Generate a greeting")), ("client_roots", Roots()));

    [McpServerTool(Name = "test_input_required_result_multi_round"), Description("Asks twice")]
    public static string Rounds(RequestContext<CallToolRequestParams> context) => context.Params.RequestState switch
    {
        null => throw Ask("round 1", ("step1", Form("Step 1: what is your name?", "name"))),
        "round 1" => throw Ask("round 2", ("step2", Form("Step 2: what is your favourite colour?", "color"))),
        _ => "Both rounds are over.",
    };

    /// <summary>A state that the client must not change carries a MAC.</summary>
    [McpServerTool(Name = "test_input_required_result_tampered_state"), Description("Gives a sealed state")]
    public static string SealedState(RequestContext<CallToolRequestParams> context) => context.Params.RequestState switch
    {
        null => throw Ask(Seal("the state"), ("confirm", Confirmation())),
        { } state when state == Seal("the state") => "The state is ours.",
        _ => throw new McpProtocolException("The state is not one of ours.", McpErrorCode.InvalidParams),
    };

    /// <summary>Asks only what the client said it can answer.</summary>
    [McpServerTool(Name = "test_input_required_result_capabilities"), Description("Asks what the client can answer")]
    public static string Able(RequestContext<CallToolRequestParams> context)
    {
        var can = context.JsonRpcRequest.Context?.ClientCapabilities;
        (bool Can, string Name, InputRequest Question)[] all =
        [
            (can?.Sampling is not null, "capital_question", Sample("What is the capital of France?")),
            (can?.Elicitation is not null, "user_name", Form("What is your name?", "name")),
            (can?.Roots is not null, "client_roots", Roots()),
        ];
        return context.Params.InputResponses is { Count: > 0 } || !all.Any(one => one.Can)
            ? "Nothing more to ask."
            : throw Ask([.. all.Where(one => one.Can).Select(one => (one.Name, one.Question))]);
    }

    private static InputRequest Confirmation() => Form("Please confirm", "ok", new ElicitRequestParams.BooleanSchema());

    private static InputResponse? Answer(RequestContext<CallToolRequestParams> context, string name) =>
        context.Params.InputResponses?.TryGetValue(name, out var answer) is true ? answer : null;

    private static string Seal(string state) => $"{state}.{Convert.ToHexString(HMACSHA256.HashData(StateKey, Encoding.UTF8.GetBytes(state)))}";
}
