namespace McpIdentity.Tests.Coverage;

/// <summary>
/// A number of <c>mcp-requirements.txt</c> that the test proves. It is a category too: <c>dotnet test --filter Category=MCP-06</c>.
/// </summary>
internal sealed class RequirementAttribute(string number) : CategoryAttribute(number);
