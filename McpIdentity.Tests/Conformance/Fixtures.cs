using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol.Protocol;

namespace McpIdentity.Tests.Conformance;

/// <summary>What the conformance suite expects to find on the MCP server that it tests.</summary>
internal static class Fixtures
{
    public static IMcpServerBuilder WithConformanceFixtures(this IMcpServerBuilder builder) => builder
        .WithTools<FixtureTools>()
        .WithTools<FixtureAskingTools>()
        .WithTools<FixtureSessionTools>()
        .WithTools([FixtureTools.WithSchema()])
        .WithPrompts<FixturePrompts>()
        .WithResources<FixtureResources>()
        .WithCompleteHandler((_, _) => new(new CompleteResult { Completion = new Completion { Values = ["paris", "park", "party"], Total = 3, HasMore = false } }))
        .WithSubscribeToResourcesHandler((_, _) => new(new EmptyResult()))
        .WithUnsubscribeFromResourcesHandler((_, _) => new(new EmptyResult()));
}
