using System.Security.Claims;
using McpIdentity.Tests.McpClients;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;
using ModelContextProtocol.Server;

namespace McpIdentity.Tests.Mcp;

/// <summary>An MCP server in another host whose challenge sends clients to the metadata that we have of it: docs/other-hosts.md, "A host without metadata".</summary>
[Category("Clients"), Category("Node"), Category("RFC 9728")]
[Parallelizable(ParallelScope.All)]
internal sealed class HostWithoutMetadataTests
{
    [TestCase("connect.mjs"), TestCase("connect-v2.mjs")]
    public async Task An_official_client_signs_in_for_it_and_calls_its_tool(string script)
    {
        var port = Ports.Next();
        var resource = $"http://localhost:{port}/mcp";
        await using var server = await TestServer.StartAsync(
            $"OAuth:Resources:0:Resource={resource}", "OAuth:Resources:0:Scopes:notes:read=Read your notes", "OAuth:Resources:0:Scopes:notes:write=Write your notes",
            "OAuth:Resources:0:DefaultScopes=notes:read");
        await using var host = await StartAsync(resource, server.BaseUrl);

        var result = await TypeScriptClientTests.RunAsync(script, resource, "--user", "bob", "--tool", "allowed");

        // The second version asks for offline_access beside what the metadata names.
        foreach (var answer in new[] { "greeting", "greetingAfterRefresh" })
        {
            Assert.That(result.Text(answer), Is.EqualTo("notes:read").Or.EqualTo("notes:read offline_access"));
        }
    }

    private static async Task<WebApplication> StartAsync(string resource, string issuer)
    {
        var keys = new ConfigurationManager<OpenIdConnectConfiguration>(
            $"{issuer}/.well-known/openid-configuration", new OpenIdConnectConfigurationRetriever(), new HttpDocumentRetriever { RequireHttps = false });
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrel().UseUrls(new Uri(resource).GetLeftPart(UriPartial.Authority));
        builder.Services.AddRouting().AddHttpContextAccessor();
        builder.Services.AddMcpServer().WithHttpTransport(transport => transport.SessionMode = ModelContextProtocol.AspNetCore.HttpServerSessionMode.Stateless).WithTools([McpServerTool.Create(
            (ClaimsPrincipal caller) => caller.FindFirstValue("scope"), new() { Name = "allowed" })]);
        var app = builder.Build();
        app.Use(async (context, next) =>
        {
            var token = context.Request.Headers.Authorization.ToString().Replace("Bearer ", "", StringComparison.OrdinalIgnoreCase);
            var result = await new JsonWebTokenHandler { MapInboundClaims = false }.ValidateTokenAsync(token, new TokenValidationParameters
            {
                ValidIssuer = issuer,
                ValidAudience = resource,
                ValidTypes = ["at+jwt"],
                ValidateLifetime = false, // the clock of the issuer stands still
                IssuerSigningKeys = (await keys.GetConfigurationAsync()).SigningKeys,
            });
            if (!result.IsValid)
            {
                context.Response.StatusCode = StatusCodes.Status401Unauthorized;
                context.Response.Headers.WWWAuthenticate = $"Bearer resource_metadata=\"{issuer}/oauth/resources/{new Uri(resource).Authority}/mcp\"";
                return;
            }

            context.User = new ClaimsPrincipal(result.ClaimsIdentity);
            await next(context);
        });
        app.MapMcp("/mcp");
        await app.StartAsync();
        return app;
    }
}
