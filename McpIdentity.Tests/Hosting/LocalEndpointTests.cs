using McpIdentity.Server.Hosting;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.Configuration;

namespace McpIdentity.Tests.Hosting;

/// <summary>Banner and health check name the address that is really listened on.</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.All)]
internal sealed class LocalEndpointTests
{
    [TestCase("http://localhost:8082")]
    [TestCase("http://localhost:9000", "Server:Port=9000")]
    [TestCase("http://localhost:9001", "urls=http://*:9001", "Server:Port=9000"), TestCase("http://localhost:9001", "urls=http://+:9001"), TestCase("http://localhost:9001", "urls=http://0.0.0.0:9001"), TestCase("http://localhost:9001", "urls=http://[::]:9001")]
    [TestCase("http://localhost:9001", "urls=http://some.name:9001"), TestCase("http://10.1.2.3:9001", "urls=http://10.1.2.3:9001"), TestCase("http://[::1]:9001", "urls=http://[::1]:9001")]
    [TestCase("http://localhost:9002", "urls=https://*:9001;http://*:9002"), TestCase("https://localhost:9001", "urls=https://*:9001")]
    [TestCase("http://localhost:9003", "urls=http://*:9001", "Kestrel:Endpoints:web:Url=http://*:9003"), TestCase("https://localhost:443", "Kestrel:Endpoints:web:Url=https://*")]
    [TestCase("unix:/run/mcpidentity.sock", "urls=http://unix:/run/mcpidentity.sock"), TestCase("https://localhost:8082", "Kestrel:Certificates:Default:Path=x.pfx")]
    public void The_address_is_that_of_the_setting_that_wins(string address, params string[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting[..setting.IndexOf('=')], (string?)setting[(setting.IndexOf('=') + 1)..]))).Build();

        Assert.That(LocalEndpoint.From(configuration).ToString(), Is.EqualTo(address));
    }

    [TestCase("urls"), TestCase("endpoint"), TestCase("socket"), TestCase("https")]
    public async Task Whatever_it_listens_on_the_banner_names_it_and_the_health_check_finds_it(string kind)
    {
        using var folder = new TemporaryFolder();
        using var certificate = new TlsCertificate();
        var port = Ports.Next();
        var (setting, named) = kind switch
        {
            "urls" => ($"--urls=http://127.0.0.1:{port}", $"http://127.0.0.1:{port}"),
            "endpoint" => ($"--Kestrel:Endpoints:web:Url=http://[::1]:{port}", $"http://[::1]:{port}"),
            "socket" => ($"--urls=http://unix:{folder.File("s")}", $"http://unix:{folder.File("s")}"),
            _ => ($"--urls=https://localhost:{port}", $"https://localhost:{port}"),
        };
        string[] settings = [setting, $"--Kestrel:Certificates:Default:Path={certificate.CertificateFile}", $"--Kestrel:Certificates:Default:KeyPath={certificate.KeyFile}", "--environment=Development"];
        var arguments = kind == "https" ? settings : [setting, "--environment=Development"];
        await using var server = ChildProcess.Start("dotnet", [ServerProcess.AssemblyPath, .. arguments], folder.Path, new Dictionary<string, string?> { ["ASPNETCORE_URLS"] = null });
        await server.WaitUntilAsync(_ => Task.FromResult(server.Output.Contains("Connect  ", StringComparison.Ordinal)), "the server");

        // It waits for four seconds, as container engines do, and is asked again.
        await Until.TrueAsync(async () => (await ServerProcess.RunAsync(new ServerStart { Folder = folder.Path, Arguments = ["healthcheck", .. arguments] })).ExitCode == 0, "the health check finds it");

        Assert.That(server.Output, Does.Contain($"Listening on        {named}"));
        if (kind != "socket")
        {
            Assert.That(server.Output, Does.Contain($"Server URL          {named}"), "nobody named another");
        }
    }
}
