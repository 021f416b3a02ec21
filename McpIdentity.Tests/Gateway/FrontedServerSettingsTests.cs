using McpIdentity.Server.Settings;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Gateway;

/// <summary>What cannot work stops the start, with one list of everything.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class FrontedServerSettingsTests
{
    [Test]
    public async Task Every_problem_of_the_servers_is_in_one_list()
    {
        var refused = await Assert.ThrowsAsync<ConfigurationProblems.InvalidConfigurationException>(() => TestServer.StartAsync(
            "Gateway:Servers:Bad Name:Url=http://localhost:1/mcp",
            "Gateway:Servers:nowhere:DisplayName=Nowhere",
            "Gateway:Servers:ftp:Url=ftp://files.example/mcp",
            "Gateway:Servers:who:Url=https://user:secret@notes.example/mcp",
            "Gateway:Servers:root:Url=http://localhost:1/mcp", "Gateway:Servers:root:Path=/register",
            "Gateway:Servers:own:Url=http://localhost:1/mcp", "Gateway:Servers:own:Path=/MCP",
            "Gateway:Servers:oauth:Url=http://localhost:1/mcp", "Gateway:Servers:oauth:Path=/oauth/mine",
            "Gateway:Servers:pattern:Url=http://localhost:1/mcp", "Gateway:Servers:pattern:Path=/mcp/{name}",
            "Gateway:Servers:one:Url=http://localhost:1/mcp", "Gateway:Servers:one:Path=/mcp/same",
            "Gateway:Servers:two:Url=http://localhost:1/mcp", "Gateway:Servers:two:Path=/mcp/Same",
            "Gateway:Servers:scopes:Url=http://localhost:1/mcp", "Gateway:Servers:scopes:Scopes:notes:read=Read", "Gateway:Servers:scopes:Scopes:openid=x", "Gateway:Servers:scopes:Tools:create_*=notes:writ", "Gateway:Servers:scopes:DefaultScopes:0=mcp",
            "Gateway:Servers:header:Url=http://localhost:1/mcp", "Gateway:Servers:header:Upstream:Auth=Header",
            "Gateway:Servers:host:Url=http://localhost:1/mcp", "Gateway:Servers:host:Upstream:Auth=Header", "Gateway:Servers:host:Upstream:Header=Host", "Gateway:Servers:host:Upstream:Value=x",
            "Gateway:Servers:line:Url=http://localhost:1/mcp", "Gateway:Servers:line:Upstream:Auth=Header", "Gateway:Servers:line:Upstream:Value=a\r\nX-Admin: 1",
            "Gateway:Servers:file:Url=http://localhost:1/mcp", "Gateway:Servers:file:Upstream:Auth=Header", "Gateway:Servers:file:Upstream:ValueFile=/nothing/here",
            "Gateway:Servers:unused:Url=http://localhost:1/mcp", "Gateway:Servers:unused:Upstream:Value=x",
            "Gateway:Servers:whose:Url=http://localhost:1/mcp", "Gateway:Servers:whose:Upstream:Auth=OAuth", "Gateway:Servers:whose:Upstream:ClientId=ours", "Gateway:Servers:whose:Upstream:Audience=x", "Gateway:Servers:whose:Upstream:Grant=JwtBearer",
            "Gateway:Servers:clear:Url=http://notes.example/mcp", "Gateway:Servers:clear:Upstream:Auth=OAuth", "Gateway:Servers:clear:Upstream:Issuer=http://login.example", "Gateway:Servers:clear:Upstream:Resource=notes",
            "Gateway:Servers:clear:Upstream:AuthorizationParameters:Client_Id=x", "Gateway:Servers:clear:Upstream:AuthorizationParameters:scope=x", "Gateway:Servers:clear:Upstream:AllowedNetworks:0=10.0.0.0/64",
            "Gateway:Servers:header:Upstream:Issuer=https://login.example",
            "Gateway:Servers:time:Url=http://localhost:1/mcp", "Gateway:Servers:time:Timeout=00:00:00", "Gateway:Servers:time:MaxAnswerBytes=0", "Gateway:Servers:time:MaxConcurrentCalls=-1"));

        foreach (var problem in new[]
        {
            "Gateway:Servers:Bad Name: a name", "nowhere:Url is missing", "ftp:Url is 'ftp:", "who:Url is", "root:Path is /register", "own:Path is /MCP", "oauth:Path is /oauth/mine", "pattern:Path is '/mcp/{name}'",
            "one and two are at the same Path", "scopes:Scopes has 'openid'", "scopes:Tools:create_* has 'notes:writ'", "scopes:DefaultScopes has 'mcp'", "header:Upstream:Auth is Header, which needs Value or ValueFile",
            "host:Upstream:Header is 'Host'", "line:Upstream:Value has characters", "file:Upstream:ValueFile '/nothing/here' does not exist", "unused:Upstream has a Value",
            "whose:Upstream:Issuer is missing", "whose:Upstream:Audience is set, but its Auth is OAuth", "whose:Upstream:Grant is JwtBearer, but its Auth is OAuth", "clear:Url is 'http://notes.example/mcp', and its Auth is OAuth",
            "clear:Upstream:Issuer is 'http://login.example'", "clear:Upstream:Resource is 'notes'", "clear:Upstream:AuthorizationParameters has Client_Id", "clear:Upstream:AuthorizationParameters has scope, which this server says itself: remove it, and set Gateway:Servers:clear:Upstream:Scope",
            "clear:Upstream:AllowedNetworks has '10.0.0.0/64'", "header:Upstream has an Issuer",
            "time:Timeout is 00:00:00", "time:MaxAnswerBytes is 0", "time:MaxConcurrentCalls is -1",
        })
        {
            Assert.That(refused!.Message, Does.Contain(problem));
        }

        Assert.That(refused!.Message, Does.Not.Contain("X-Admin"), "a secret is in no message");
    }

    [TestCase("Gateway:Servers:notes:Urll=http://localhost:1/mcp", "Gateway:Servers:notes:Urll"), TestCase("Gateway:Servers:notes:Upstream:Auth=Magic", "Upstream:Auth"), TestCase("Gateway:Server:notes:Url=http://localhost:1/mcp", "Gateway:Server")]
    public async Task A_misspelt_one_too(string setting, string named) =>
        Assert.That((await Assert.ThrowsAsync<ConfigurationProblems.InvalidConfigurationException>(() => TestServer.StartAsync(setting)))!.Message, Does.Contain(named));
}
