using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using DescriptionAttribute = System.ComponentModel.DescriptionAttribute;

namespace McpIdentity.Tests.Conformance;

/// <summary>The prompts that the conformance suite gets.</summary>
internal sealed class FixturePrompts
{
    [McpServerPrompt(Name = "test_simple_prompt"), Description("A prompt")]
    public static string Simple() => "This is a simple prompt for testing.";

    [McpServerPrompt(Name = "test_prompt_with_arguments"), Description("A prompt with two arguments")]
    public static string WithArguments(string arg1, string arg2) =>
        $"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'";

    [McpServerPrompt(Name = "test_prompt_with_embedded_resource"), Description("A prompt with a resource")]
    public static PromptMessage[] WithResource(string resourceUri) =>
    [
        Say(new EmbeddedResourceBlock { Resource = new TextResourceContents { Uri = resourceUri, MimeType = "text/plain", Text = "Embedded resource content for testing." } }),
        Say(new TextContentBlock { Text = "Please process the embedded resource above." }),
    ];

    [McpServerPrompt(Name = "test_prompt_with_image"), Description("A prompt with a picture")]
    public static PromptMessage[] WithImage() =>
        [Say(ImageContentBlock.FromBytes(FixtureTools.Picture, "image/png")), Say(new TextContentBlock { Text = "Please analyze the image above." })];

    /// <summary>A prompt may ask before it answers, as a tool may.</summary>
    [McpServerPrompt(Name = "test_input_required_result_prompt"), Description("A prompt that asks first")]
    public static GetPromptResult Asking(RequestContext<GetPromptRequestParams> context) =>
        context.Params.InputResponses?.TryGetValue("user_context", out var answer) is true
            ? new GetPromptResult { Messages = [Say(new TextContentBlock { Text = $"Context: {FixtureQuestions.AnswerTo("context", answer)}" })] }
            : throw FixtureQuestions.Ask(("user_context", FixtureQuestions.Form("Which context?", "context")));

    private static PromptMessage Say(ContentBlock content) => new() { Role = Role.User, Content = content };
}
