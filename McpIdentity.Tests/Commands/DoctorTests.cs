using System.Text.RegularExpressions;
using McpIdentity.Server;
using McpIdentity.Server.Doctor;
using McpIdentity.Server.Operations;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Commands;

/// <summary>The checklist of the guide, and the verbs around the settings: SEED-076 to SEED-079.</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.All)]
internal sealed partial class DoctorTests
{
    private static readonly string[] Sound =
    [
        "--environment=Production", "--Server:PublicBaseUrl=https://id.example", "--OAuth:GoogleClientId=id", "--OAuth:GoogleClientSecret=s",
        "--OAuth:EncryptionKey=8c1f2e9b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c", "--Server:EnvFile=/nowhere/.env.oauth",
    ];

    [Test, Category("SEED-079"), Category("LINK-07")]
    public async Task A_sound_production_passes_all_eight_items()
    {
        await using var app = Program.Build(Sound);
        var results = SecurityChecklist.Judge(app.Services);

        Assert.That(results.Select(result => result.Id), Is.EqualTo(((string[])
            ["https", "encryption-keys", "session-storage", "token-rotation", "rate-limiting", "audit-logging", "scope-validation", "token-expiration"]).Select(item => $"checklist.{item}")));
        Assert.That(results.Where(result => result.Verdict != Verdict.Pass), Is.Empty);
    }

    [TestCase("--OAuth:SessionStorage:Type=Memory", "session-storage", Category = "SEED-078")]
    [TestCase("--OAuth:SessionStorage:Type=File", "session-storage", Category = "SEED-078")]
    [Category("SEED-079")]
    public async Task An_unsafe_setting_fails_its_item(string setting, string name)
    {
        await using var app = Program.Build([.. Sound, setting]);
        Assert.That(SecurityChecklist.Judge(app.Services).Where(result => result.Verdict == Verdict.Fail).Select(result => result.Id), Is.EqualTo((string[])[$"checklist.{name}"]));
    }

    [Test, Category("SEED-079"), Category("SEED-078")]
    public async Task Doctor_prints_eight_lines_of_the_settings_and_a_failure_is_the_exit_code()
    {
        string[] settings = [.. Sound.Skip(1), "--OAuth:SessionStorage:Type=Memory"];
        var (failed, output) = await ServerProcess.RunAsync(new ServerStart { EnvironmentName = "Production", Arguments = ["doctor", "--offline", .. settings] });
        var (good, json) = await ServerProcess.RunAsync(new ServerStart { EnvironmentName = "Production", Arguments = ["doctor", "--offline", "--strict", "-o", "json", .. Sound.Skip(1)] });

        Assert.That(failed, Is.EqualTo(1), output);
        Assert.That(good, Is.Zero, json);
        Assert.That(Line().Matches(output), Has.Count.EqualTo(9), "the eight, and that the settings are valid: " + output);
        Assert.That(output, Does.Contain("FAIL  checklist.session-storage").And.Contain("      Use Database or Redis").And.Contain("1 failed, 0 warnings, 0 notes, 8 good").And.Contain("checklist:session-storage FAIL"), "the start logs it too");
        Assert.That(json, Does.Contain("\"verdict\": \"PASS\"").And.Contain("\"id\": \"checklist.https\""));
    }

    /// <summary>What the settings promise is worth nothing while what they name does not answer.</summary>
    [Test, Category("SEED-079"), Category("Slow")]
    public async Task Doctor_looks_at_database_redis_provider_keys_and_clock()
    {
        await using var provider = await StandInProvider.StartAsync();
        await using var server = await ServerProcess.StartAsync();
        string[] settings =
        [
            "doctor", $"--Database:ConnectionString=Data Source={Path.Combine(server.Folder, "mcpidentity.db")}", $"--Server:Port={server.Port}",
            "--OAuth:Providers:corp:ClientId=us", "--OAuth:Providers:corp:ClientSecret=s",
        ];
        var nowhere = Ports.Next();

        var well = await DoctorAsync($"--OAuth:Providers:corp:Issuer={provider.Origin}");
        var ill = await DoctorAsync(
            $"--OAuth:Providers:corp:Issuer=http://localhost:{nowhere}", "--OAuth:SessionStorage:Type=Redis", "--OAuth:SessionStorage:Redis:Host=localhost", $"--OAuth:SessionStorage:Redis:Port={nowhere}",
            "--OAuth:EncryptionKey=another test key of more than thirty-two characters");
        var (offExit, off) = await ServerProcess.RunAsync(new ServerStart { Folder = server.Folder, Arguments = ["doctor", $"--Server:Port={server.Port}", $"--Database:Url=postgres://u:hunter22@127.0.0.1:{nowhere}/d"] });

        foreach (var name in (string[])["database.reach", "database.write", "keys.readable", "providers.discovery (corp)", "clock.skew", "server.running", "public.same"])
        {
            Assert.That(well.Output, Does.Match($"(?m)^PASS  {Regex.Escape(name)}: "), well.Output);
        }

        Assert.That(ill.ExitCode, Is.EqualTo(1));
        foreach (var name in (string[])["redis.reach", "keys.readable", "providers.discovery (corp)"])
        {
            Assert.That(ill.Output, Does.Match($"(?m)^FAIL  {Regex.Escape(name)}: "), ill.Output);
        }

        Assert.That((offExit, off.Contains("hunter22", StringComparison.Ordinal)), Is.EqualTo((1, false)));
        Assert.That(off, Does.Match("(?m)^FAIL  database.reach: ").And.Not.Contain("   at "));

        Task<(int ExitCode, string Output)> DoctorAsync(params string[] more) =>
            ServerProcess.RunAsync(new ServerStart { Folder = server.Folder, Arguments = [.. settings, .. more] });
    }

    [Test, Category("SEED-079")]
    public async Task Doctor_walks_the_way_of_a_client_at_a_running_server()
    {
        await using var server = await TestServer.StartAsync();

        var here = await OtherServer.RunAsync(new Uri(server.BaseUrl), null, registers: true, CancellationToken.None);
        var byAnotherName = await OtherServer.RunAsync(new Uri(server.BaseUrl.Replace("localhost", "127.0.0.1", StringComparison.Ordinal)), null, registers: false, CancellationToken.None);
        var nobody = await OtherServer.RunAsync(new Uri($"http://127.0.0.1:{Ports.Next()}"), null, registers: true, CancellationToken.None);

        Assert.That(here, Has.Count.GreaterThan(20).And.All.Property("Verdict").EqualTo(Verdict.Pass), string.Join('\n', here));
        Assert.That(here.Single(result => result.Id == "registration.dry-run").Says, Does.Contain("deleted again"));
        Assert.That(byAnotherName.Where(result => result.Verdict == Verdict.Fail).Select(result => result.Id), Is.EquivalentTo((string[])["resource.identifier"]), string.Join('\n', byAnotherName));
        Assert.That(nobody.Single().Verdict, Is.EqualTo(Verdict.Fail));

        var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Arguments = ["doctor", "--strict", "--url", server.BaseUrl] });
        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("PASS  metadata.issuer").And.Contain("PASS  revision.2026-07-28").And.Contain("0 failed, 0 warnings, 0 notes"));
        (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Arguments = ["doctor", "--url", server.BaseUrl, "--client", "all", "--markdown"] });
        Assert.That(exitCode, Is.EqualTo(1), output);
        Assert.That(output, Does.Match(@"\| FAIL \| `client\.chatgpt` \| ends at mcp.reach: it runs with its maker").And.Match("(?m)^Good: .*client.claude-code"));
        (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Arguments = ["doctor", "--url", "localhost"] });
        Assert.That(exitCode, Is.EqualTo(2), output);
        Assert.That(output, Does.Contain("'localhost' is no http or https address"));
    }

    /// <summary>RFC 8414 §3.1, RFC 9728 §3.1: the well-known addresses follow the path of the endpoint.</summary>
    [Test, Category("SEED-079")]
    public async Task Doctor_passes_a_server_whose_endpoint_has_another_path()
    {
        await using var server = await TestServer.StartAsync("Mcp:Path=/v1/tools");

        var results = await OtherServer.RunAsync(new Uri(server.BaseUrl + "/v1/tools"), null, registers: false, CancellationToken.None);
        var home = await server.Http.GetStringAsync("/");
        using var metadata = await server.Http.GetAsync("/.well-known/oauth-authorization-server/v1/tools");
        using var usual = await server.Http.GetAsync("/.well-known/oauth-authorization-server/mcp");

        Assert.That(results, Has.Count.GreaterThan(20).And.All.Property("Verdict").EqualTo(Verdict.Pass), string.Join('\n', results));
        Assert.That(home, Does.Contain(server.BaseUrl + "/v1/tools"));
        Assert.That(((int)metadata.StatusCode, (int)usual.StatusCode), Is.EqualTo((200, 404)));
    }

    [Test, Category("SEED-077")]
    public async Task Keygen_prints_a_key_that_the_server_takes()
    {
        var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Arguments = ["keygen"] });

        Assert.That(exitCode, Is.Zero);
        Assert.That(output.Trim(), Does.Match("^[0-9a-f]{64}$"));
    }

    [Test]
    public async Task Config_show_names_the_source_and_masks_what_is_secret()
    {
        var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart
        {
            Arguments = ["config", "show", "--Server:KnownProxies:0=10.0.0.1"],
            Environment = new Dictionary<string, string?> { ["PORT"] = "9123", ["GOOGLE_CLIENT_SECRET"] = "the-secret", ["DATABASE_URL"] = "postgres://u:the-secret@h/d" },
        });

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("Server:Port = 9123  (environment)").And.Contain("OAuth:GoogleClientSecret = ***")
            .And.Contain("Server:KnownProxies:0 = 10.0.0.1  (command line)").And.Contain("OAuth:AccessTokenLifetime = 01:00:00  (default)").And.Not.Contain("the-secret"));
    }

    [Test]
    public async Task Config_validate_says_all_that_is_wrong()
    {
        var (good, _) = await ServerProcess.RunAsync(new ServerStart { Arguments = ["config", "validate", "--OAuth:EncryptionKey=0123456789abcdef0123456789abcdef"] });
        var (bad, output) = await ServerProcess.RunAsync(new ServerStart { Arguments = ["config", "validate", "--OAuth:Prot=1", "--Server:ForwardLimit=0"] });

        Assert.That(good, Is.Zero);
        Assert.That(bad, Is.EqualTo(1));
        Assert.That(output, Does.Contain("OAuth:Prot").And.Contain("Server:ForwardLimit"));
    }

    [GeneratedRegex("^(PASS|NOTE|WARN|FAIL)  [a-z.-]+: ", RegexOptions.Multiline)]
    private static partial Regex Line();
}
