using System.Net;
using McpIdentity.Mcp;
using McpIdentity.Server;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Mcp;

/// <summary>What other hosts get of the module: a small surface, and a package that works in an empty one.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class PackageTests
{
    [Test]
    public void The_module_shows_a_host_what_it_needs_and_no_more() => Assert.That(
        typeof(McpModule).Assembly.GetExportedTypes().Select(type => type.Name).Order(StringComparer.Ordinal),
        Is.EqualTo(new[]
        {
            // What a host calls, and what its tools say of themselves.
            nameof(McpModule), nameof(ToolAccessAttribute), nameof(McpAuthTestConfig),
            // The sections Mcp and Jwt.
            nameof(McpOptions), nameof(McpSessionMode), nameof(McpAuthOptions), nameof(McpAuthType), nameof(McpAnonymousListing), nameof(McpOAuthOptions), nameof(McpJwtOptions),
            nameof(AuthEnforcementOptions), nameof(DnsRebindingOptions), nameof(McpRateLimitOptions), nameof(SecurityLoggingOptions), nameof(SecurityLogLevel),
            nameof(ExternalJwtOptions), nameof(TrustedIssuerOptions),
            // What a host may bring: its own knowledge of revoked tokens, a counter that its nodes share.
            nameof(IMcpSessionStore), nameof(McpTokenIdentity), nameof(IMcpRateCounter), nameof(RateCount),
        }.Order(StringComparer.Ordinal)));

    [Test]
    public void Of_its_own_the_module_brings_no_tool() => Assert.That(
        typeof(McpModule).Assembly.GetTypes().Where(type => type.IsDefined(typeof(ModelContextProtocol.Server.McpServerToolTypeAttribute), inherit: false)), Is.Empty);

    [Test]
    [Category("Slow")]
    public async Task The_package_protects_the_tools_of_an_empty_host()
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-package-");
        // A version of this run alone: NuGet keeps what it has seen once.
        var version = $"0.0.0-test.{Guid.NewGuid():N}";
        var installed = Path.Combine(Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages"), "mcpidentity.mcp", version);
        try
        {
            await RunAsync("dotnet", ["pack", "McpIdentity.Mcp", RunningCommand.AsBuilt, $"-p:Version={version}", $"-p:PackageOutputPath={folder.FullName}"], Repository.Root);
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "nuget.config"), $"""
                <configuration><packageSources><add key="packed" value="{folder.FullName}" /></packageSources></configuration>
                """);
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "Host.csproj"), $"""
                <Project Sdk="Microsoft.NET.Sdk.Web">
                  <PropertyGroup><TargetFramework>net10.0</TargetFramework><ImplicitUsings>enable</ImplicitUsings></PropertyGroup>
                  <ItemGroup><PackageReference Include="McpIdentity.Mcp" Version="{version}" /></ItemGroup>
                </Project>
                """);
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "Program.cs"), OtherHosts.Program("cs"));
            await RunAsync("dotnet", ["build", "-c", "Release", "-o", "out", "--nologo"], folder.FullName);

            var url = $"http://localhost:{Ports.Next()}";
            await using var host = ChildProcess.Start("dotnet",
                ["out/Host.dll", $"--urls={url}", $"--Mcp:PublicBaseUrl={url}", "--Mcp:Auth:AuthType=jwt", $"--Jwt:Secret={TestTokens.Secret}", "--Jwt:Issuer=another-service"], folder.FullName);
            using var http = new HttpClient { BaseAddress = new Uri(url) };
            await host.WaitUntilAsync(cancellationToken => http.IsAnsweredAsync("/.well-known/oauth-protected-resource", cancellationToken), "the empty host");

            using var list = await http.PostAsync("/mcp", Json("tools/list", "{}"));
            using var call = await http.PostAsync("/mcp", Json("tools/call", """{"name":"weather","arguments":{"city":"Rome"}}"""));
            using var metadata = await http.GetAsync("/.well-known/oauth-protected-resource/mcp");

            Assert.That((await list.JsonAsync()).GetProperty("result").GetProperty("tools").EnumerateArray().Select(tool => tool.Text("name")), Is.EqualTo(new[] { "weather" }));
            Assert.That((call.StatusCode, metadata.StatusCode), Is.EqualTo((HttpStatusCode.Unauthorized, HttpStatusCode.OK)));
        }
        finally
        {
            folder.Delete(recursive: true);
            if (Directory.Exists(installed))
            {
                Directory.Delete(installed, recursive: true);
            }
        }
    }

    private static async Task RunAsync(string program, string[] arguments, string folder)
    {
        await using var process = ChildProcess.Start(program, arguments.SelectMany(argument => argument.StartsWith("--no-build", StringComparison.Ordinal) ? argument.Split(' ') : [argument]), folder);
        Assert.That(await process.WaitForExitAsync(), Is.Zero, process.Output);
    }

    private static StringContent Json(string method, string parameters) =>
        new($$"""{"jsonrpc":"2.0","id":1,"method":"{{method}}","params":{{parameters}}}""", System.Text.Encoding.UTF8, "application/json");
}
