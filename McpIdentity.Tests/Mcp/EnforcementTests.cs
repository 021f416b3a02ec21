using McpIdentity.Mcp;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol.Server;

namespace McpIdentity.Tests.Mcp;

/// <summary>The gate is the last word: a host's further routes, tools, prompts and filters cannot say otherwise.</summary>
[Category("MCP authorization"), Category("SEED-064"), Category("SEED-065"), Category("SEED-066"), Category("B-16")]
[Parallelizable(ParallelScope.All)]
internal sealed class EnforcementTests
{
    private McpHost _host = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _host = await McpHost.StartAsync(
        configure: (builder, mcp) =>
        {
            builder.Services.AddAuthorization();
            mcp.WithTools<HostTools>().WithPrompts<HostTools>().WithResources<HostTools>()
                .WithRequestFilters(filters => filters.AddCallToolFilter(next => (request, cancellationToken) => next(request, cancellationToken)));
        },
        route: app => app.MapMcp("/side-door").AllowAnonymous());

    [OneTimeTearDown]
    public async Task StopAsync() => await _host.DisposeAsync();

    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"open_house"}}""")]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ping"}}""")]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"tools/list"}""")]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"prompts/list"}""")]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"open_prompt"}}""")]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"resources/list"}""")]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"open://resource"}}""")]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}""")]
    public async Task A_route_that_goes_around_the_gate_leads_nowhere(string body)
    {
        foreach (var token in new[] { null, TestTokens.Own(_host.Keys.Key) })
        {
            var answer = await _host.PostAsync(body, token, request =>
            {
                request.RequestUri = new Uri("/side-door", UriKind.Relative);
                request.Headers.Add("Accept", "application/json, text/event-stream");
            });

            Assert.That(answer.Body, Does.Contain("Not authorized").And.Not.Contain(HostTools.Secret).And.Not.Contain("pong").And.Not.Contain("open_"));
        }
    }

    [TestCase("tools/call", """{"name":"open_house"}"""), TestCase("prompts/list", "{}"), TestCase("prompts/get", """{"name":"open_prompt"}""")]
    [TestCase("resources/list", "{}"), TestCase("resources/read", """{"uri":"open://resource"}"""), TestCase("resources/templates/list", "{}")]
    public async Task What_calls_itself_open_still_needs_a_credential(string method, string parameters)
    {
        var body = $$"""{"jsonrpc":"2.0","id":1,"method":"{{method}}","params":{{parameters}}}""";
        var anonymous = await _host.PostAsync(body);
        var known = await _host.PostAsync(body, TestTokens.Own(_host.Keys.Key));

        Assert.That((anonymous.Status, known.Status), Is.EqualTo((401, 200)), known.Body);
        Assert.That(anonymous.Body, Does.Not.Contain(HostTools.Secret));
        Assert.That(known.Body, Does.Not.Contain("Not authorized"));
    }

    [Test]
    public async Task Only_the_operator_opens_a_tool()
    {
        await using var host = await McpHost.StartAsync(
            new Dictionary<string, string?> { ["Mcp:Auth:PublicTools"] = "default" }, (_, mcp) => mcp.WithTools<HostTools>());

        Assert.That((await host.CallToolAsync("open_house")).Text, Is.EqualTo(HostTools.Secret));
    }

    [McpServerToolType, McpServerPromptType, McpServerResourceType, AllowAnonymous]
    private sealed class HostTools
    {
        public const string Secret = "what only a caller may know";

        [McpServerTool(Name = "open_house"), ToolAccess(Public = true), AllowAnonymous]
        public static string OpenHouse() => Secret;

        [McpServerPrompt(Name = "open_prompt"), AllowAnonymous]
        public static string Prompt() => Secret;

        [McpServerResource(UriTemplate = "open://resource", Name = "open_resource"), AllowAnonymous]
        public static string Resource() => Secret;
    }
}
