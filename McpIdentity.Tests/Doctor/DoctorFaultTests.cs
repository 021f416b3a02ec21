using System.Text.Json;
using System.Text.Json.Nodes;
using McpIdentity.Server;
using McpIdentity.Server.Doctor;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Operations;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using StackExchange.Redis;

namespace McpIdentity.Tests.Doctor;

/// <summary>Each check finds the fault that it is there for, and is green without: docs/doctor.md, "Checks".</summary>
[Category("Operations"), Category("SEED-079")]
[Parallelizable(ParallelScope.All)]
internal sealed class DoctorFaultTests
{
    private static readonly Uri OnTheInternet = new("https://1.1.1.1/mcp");

    // A way of making each fault: the check, what it must weigh, who is needed for it, the fault, and the same without it.
    private static readonly Row[] Rows =
    [
        new("config.valid", Verdict.Fail, t => t.VerbAsync("--OAuth:Prot=1"), t => t.VerbAsync()),

        new("checklist.https", Verdict.Warn, _ => SettingsAsync("--Server:RequireHttps=false")),
        new("checklist.encryption-keys", Verdict.Warn, t => Task.FromResult(OwnChecks.JudgeSettings(t._keyless.Services))),
        new("checklist.session-storage", Verdict.Fail, _ => SettingsAsync("--OAuth:SessionStorage:Type=Memory")),
        new("checklist.token-rotation", Verdict.Warn, _ => SettingsAsync("--OAuth:RefreshTokenReuseGraceSeconds=300")),
        new("checklist.rate-limiting", Verdict.Fail, _ => SettingsAsync("--Mcp:RateLimiting:Enabled=false")),
        new("checklist.audit-logging", Verdict.Fail, _ => SettingsAsync("--Mcp:SecurityLogging:Enabled=false")),
        new("checklist.scope-validation", Verdict.Warn, _ => SettingsAsync("--Mcp:Auth:RequireAuthForToolsCall=false")),
        new("checklist.token-expiration", Verdict.Warn, _ => SettingsAsync("--OAuth:AccessTokenLifetime=02:00:00")),

        new("database.reach", Verdict.Fail, t => t._scene.WithAsync("database", $"--Database:Url=postgres://u:p@127.0.0.1:{Ports.Next()}/d")),
        new("database.migrations", Verdict.Fail, t => Task.FromResult(t._scene.OfIll)),
        new("database.write", Verdict.Fail, t => t._scene.WithAsync("database", t._scene.Sound.Settings.Last(setting => setting.StartsWith("--Database:", StringComparison.Ordinal)) + ";Mode=ReadOnly")),
        new("database.file", Verdict.Warn, t => Task.FromResult(t._scene.OfIll)),
        new("database.disk", Verdict.Fail, t => t.OnASmallDiskAsync()),

        new("keys.readable", Verdict.Fail, t => t._scene.WithAsync("keys", DoctorScene.OtherKey)),
        new("keys.cookies", Verdict.Fail, t => t._scene.WithAsync("keys", DoctorScene.OtherKey)),
        new("keys.age", Verdict.Warn, t => Task.FromResult(t._scene.OfIll)),
        new("keys.in-force", Verdict.Fail, t => Task.FromResult(t._scene.OfIll)),

        new("system.descriptors", Verdict.Warn, _ => ProcessAsync("ulimit -n 600", "system.descriptors")),
        new("system.certificate", Verdict.Fail, t => t.CertificateAsync(TimeSpan.FromHours(-1)), t => t.CertificateAsync(TimeSpan.FromDays(40))),
        new("proxy.trust", Verdict.Warn, t => t._scene.WithAsync("proxy", "--Server:PublicBaseUrl=https://id.example")),

        new("sign-in.demo", Verdict.Note, t => Task.FromResult(t._scene.OfIll)),
        new("providers.discovery", Verdict.Fail, t => t._scene.WithAsync("providers", $"--OAuth:Providers:corp:Issuer=http://localhost:{Ports.Next()}")),
        new("providers.client", Verdict.Warn, t => t._scene.WithAsync("providers", "--OAuth:Providers:corp:ClientId=another")),
        new("jwt.issuer", Verdict.Fail, t => t.JwtAsync($"http://localhost:{Ports.Next()}"), t => t.JwtAsync(t._scene.Provider.Origin)),
        new("clock.skew", Verdict.Fail, t => t.WithAProviderOfYesterdayAsync()),

        new("clients.unused", Verdict.Note, t => Task.FromResult(t._scene.OfIll)),
        new("clients.waiting", Verdict.Note, t => Task.FromResult(t._scene.OfIll)),
        new("housekeeping.prune", Verdict.Warn, t => Task.FromResult(t._scene.OfIll)),
        new("registration.rules", Verdict.Note, t => t._scene.WithAsync("registration", "--OAuth:Registration:Policy=Hosts", "--OAuth:Registration:AllowedRedirectHosts:0=claude.ai")),
        new("registration.documents", Verdict.Note, t => t._scene.WithAsync("registration", "--OAuth:ClientDocuments:Enabled=false")),

        new("servers.served", Verdict.Fail, t => WithAStoredServerOfAnotherKeyAsync()),
        new("servers.reach", Verdict.Fail, t => t._scene.WithAsync("servers", $"--Gateway:Servers:notes:Url=http://127.0.0.1:{Ports.Next()}/mcp")),
        new("servers.accounts", Verdict.Fail, t => t._scene.WithAsync("servers", $"--Gateway:Servers:calendar:Url=http://127.0.0.1:{Ports.Next()}/mcp")),
        new("tools.waiting", Verdict.Note, t => Task.FromResult(t._scene.OfIll)),

        new("server.running", Verdict.Note, t => t._scene.WithAsync("server", $"--Server:Port={Ports.Next()}")),
        new("server.health", Verdict.Fail, t => t.WithAnAnswerOfHealthAsync("""{"status":"unavailable","checks":{"database":"failed"}}""")),
        new("public.reach", Verdict.Fail, t => t._scene.WithAsync("public", $"--Server:PublicBaseUrl=http://localhost:{Ports.Next()}")),
        new("public.same", Verdict.Fail, t => t._scene.WithAsync("public", $"--Server:PublicBaseUrl={t._scene.Ill.BaseUrl}")),
        new("servers.challenge", Verdict.Fail, t => t._scene.WithAsync("servers", $"--Server:PublicBaseUrl={t._scene.Ill.BaseUrl}")),

        Page("pages.sign-in", Verdict.Fail, host => host.Faults["/signin"] = context => context.Response.WriteAsync("404 by the proxy")),
        Page("pages.policy", Verdict.Warn, host => host.Proxy = context => context.Response.Headers.Append("Content-Security-Policy", "form-action 'self'")),
        Page("pages.opener", Verdict.Warn, host => host.Proxy = context => context.Response.Headers["Cross-Origin-Opener-Policy"] = "same-origin"),
        Page("pages.cookies", Verdict.Fail, host => host.Proxy = context => context.Response.Headers.SetCookie = "form=x; path=/; httponly"),

        new("mcp.reach", Verdict.Fail, _ => OtherServer.RunAsync(new Uri($"http://localhost:{Ports.Next()}/mcp"), null, false, CancellationToken.None)),
        new("mcp.certificate", Verdict.Fail, t => OverHttpsAsync(TimeProvider.System.GetUtcNow().AddHours(-1)), t => OverHttpsAsync(TimeProvider.System.GetUtcNow().AddDays(40))),
        Way("mcp.challenge", Verdict.Fail, host => host.Faults["/mcp"] = Redirect("/login")),
        Way("mcp.resource-metadata", Verdict.Warn, host => host.Proxy = context => context.Response.Headers.WWWAuthenticate = "Bearer"),
        Way("resource.metadata", Verdict.Fail, host => { host.Faults["/.well-known/oauth-protected-resource/mcp"] = Html; host.Faults["/.well-known/oauth-protected-resource"] = Html; }),
        Way("resource.path-form", Verdict.Warn, host => host.Faults["/.well-known/oauth-protected-resource/mcp"] = Html),
        Way("resource.identifier", Verdict.Fail, host => host.Resource["resource"] = "https://another.example/mcp"),
        Way("resource.servers", Verdict.Fail, host => host.Resource["authorization_servers"] = new JsonArray()),
        Way("metadata.oauth", Verdict.Fail, host => { host.Faults["/.well-known/oauth-authorization-server"] = Html; host.Faults["/.well-known/openid-configuration"] = Html; }),
        Way("metadata.openid", Verdict.Note, host => host.Faults["/.well-known/openid-configuration"] = Html),
        Way("metadata.issuer", Verdict.Fail, host => host.Server["issuer"] = host.Origin + "/"),
        Way("metadata.endpoints", Verdict.Fail, host => host.Server["token_endpoint"] = null),
        Way("metadata.pkce", Verdict.Fail, host => host.Server["code_challenge_methods_supported"] = null),
        Way("metadata.registration", Verdict.Warn, Unregistrable),
        Way("metadata.documents", Verdict.Note, host => host.Server["token_endpoint_auth_methods_supported"] = new JsonArray("client_secret_basic")),
        Way("metadata.iss", Verdict.Note, host => host.Server["authorization_response_iss_parameter_supported"] = null),
        Way("metadata.unknown", Verdict.Warn, host => host.Faults["/.well-known/doctor-asks-for-what-is-not-there"] = Html),
        Way("metadata.keys", Verdict.Fail, host => host.Faults["/jwks"] = context => context.Response.WriteAsync("{\"keys\":[]}")),
        Way("token.errors", Verdict.Fail, host => host.Faults["/token"] = Html),
        Way("authorize.unknown", Verdict.Fail, host => host.Faults["/authorize"] = Redirect("https://doctor.invalid/callback?error=invalid_client")),
        Way("cors.preflight", Verdict.Warn, host => host.Proxy = context => context.Response.Headers.Remove("Access-Control-Allow-Headers")),
        Way("cors.exposed", Verdict.Warn, host => host.Proxy = context => context.Response.Headers.Remove("Access-Control-Expose-Headers")),
        Way("cors.metadata", Verdict.Warn, host => host.Proxy = context => { if (context.Request.Path.StartsWithSegments("/.well-known", StringComparison.Ordinal)) { context.Response.Headers.Remove("Access-Control-Allow-Origin"); } }),

        Way("client.claude-code", Verdict.Warn, Unregistrable),
        Way("client.claude", Verdict.Fail, host => host.Server["issuer"] = host.Origin + "/"),
        Way("client.vscode", Verdict.Fail, host => host.Resource["resource"] = host.Origin),
        Way("client.cursor", Verdict.Fail, host => host.Faults["/token"] = Html),
        Way("client.chatgpt", Verdict.Fail, host => host.Server["code_challenge_methods_supported"] = null),
        Way("client.inspector", Verdict.Fail, host => host.Proxy = context => context.Response.Headers.Remove("Access-Control-Expose-Headers")),
        Way("revision.2025-03-26", Verdict.Warn, host => host.Faults["/.well-known/oauth-authorization-server"] = Html),
        Way("revision.2025-06-18", Verdict.Warn, host => host.Proxy = context => context.Response.Headers.WWWAuthenticate = "Bearer"),
        Way("revision.2025-11-25", Verdict.Warn, host => host.Server["code_challenge_methods_supported"] = null),
        Way("revision.2026-07-28", Verdict.Warn, host => host.Server["issuer"] = host.Origin + "/"),
        Way("registration.dry-run", Verdict.Fail, host => host.Faults["/register"] = context => { context.Response.StatusCode = 201; return context.Response.WriteAsJsonAsync(new { client_id = "c", logo_uri = (string?)null }); }),
        new("cimd.document", Verdict.Fail, t => t.DocumentAsync(new { client_id = "https://another.example/client", redirect_uris = new[] { "http://localhost/callback" } }), t => t.DocumentAsync(new { redirect_uris = new[] { "http://localhost/callback" } })),
    ];

    // With a database of each kind and a Redis of one's own.
    private static readonly Row[] RowsOfPrograms =
    [
        new("database.connections", Verdict.Warn, t => t.PostgresAsync(connection => connection.MaxPoolSize = PostgresServer.MaxConnections), t => t.PostgresAsync(_ => { })) { Needs = Needs.Postgres },
        new("keys.nodes", Verdict.Fail, t => t.PostgresAsync(_ => { }, DoctorScene.OtherKey), t => t.PostgresAsync(_ => { })) { Needs = Needs.Postgres },
        new("database.pooler", Verdict.Note, t => t.BehindPgBouncerAsync(), t => t.PostgresAsync(_ => { })) { Needs = Needs.PgBouncer },
        new("redis.reach", Verdict.Fail, t => t._scene.WithAsync("redis", "--OAuth:SessionStorage:Type=Redis", "--OAuth:SessionStorage:Redis:Host=localhost", $"--OAuth:SessionStorage:Redis:Port={Ports.Next()}"), t => t.RedisAsync("noeviction")) { Needs = Needs.Redis },
        new("redis.eviction", Verdict.Warn, t => t.RedisAsync("allkeys-lru"), t => t.RedisAsync("noeviction")) { Needs = Needs.Redis },
    ];

    private readonly Lazy<Task<IReadOnlyList<CheckResult>>> _soundSettings = new(() => SettingsAsync());
    private readonly Lazy<Task<(string Database, TestServer Server)>> _postgres = new(async () =>
    {
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        return (database, await TestServer.StartAsync($"Database:Url={PostgresServer.UrlOf(database)}"));
    });

    private DoctorScene _scene = null!;
    private Microsoft.AspNetCore.Builder.WebApplication _keyless = null!;

    private static IEnumerable<TestCaseData> Cases => Rows.Concat(RowsOfPrograms).Select(row =>
    {
        var data = new TestCaseData(row.Id);
        return row.Needs switch
        {
            null => data,
            Needs.PgBouncer => data.SetCategory(Needs.PgBouncer).SetCategory(Needs.Postgres),
            var needs => data.SetCategory(needs),
        };
    });

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _scene = await DoctorScene.StartAsync();
        _keyless = Program.Build(["--environment=Development", "--Server:EnvFile=/nowhere/.env.oauth"]);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _scene.DisposeAsync();
        await _keyless.DisposeAsync();
        if (_postgres.IsValueCreated)
        {
            await (await _postgres.Value).Server.DisposeAsync();
        }
    }

    [Test]
    public void Every_check_has_a_fault_a_cure_and_a_section()
    {
        Assert.That(Rows.Concat(RowsOfPrograms).Select(row => row.Id), Is.EquivalentTo(OwnChecks.Known.Select(check => check.Id)), "a row for each check, and a check for each row");
        Assert.That(OwnChecks.Known.Where(check => check.Cure.Length < 10 || !check.Asks.Contains('?', StringComparison.Ordinal) || check.Section.Length < 5).Select(check => check.Id), Is.Empty);
    }

    [TestCaseSource(nameof(Cases))]
    public async Task Finds_its_fault(string id)
    {
        var row = Rows.Concat(RowsOfPrograms).Single(row => row.Id == id);

        var ill = await row.Fault(this);
        var well = await (row.Well?.Invoke(this) ?? (id.StartsWith("checklist.", StringComparison.Ordinal) ? _soundSettings.Value : Task.FromResult(_scene.OfSound)));

        Assert.That(ill.Where(result => result.Id == id).Select(result => result.Verdict), Has.Member(row.Verdict), string.Join('\n', ill));
        Assert.That(ill.Where(result => result.Verdict != Verdict.Pass).Select(result => result.Cure), Is.All.Not.Null.And.All.Not.Empty);
        Assert.That(well.Where(result => result.Id == id).Select(result => result.Verdict), Is.Not.Empty.And.All.EqualTo(Verdict.Pass), string.Join('\n', well));
    }

    // What is sound says nothing else than that.
    [Test]
    public void A_sound_server_passes_everything_but_what_only_Production_has() => Assert.That(
        _scene.OfSound.Where(result => result.Verdict != Verdict.Pass).Select(result => result.Id),
        Is.EquivalentTo((string[])["checklist.https", "checklist.rate-limiting", "checklist.audit-logging"]), DoctorReport.ToText(_scene.OfSound));

    private static Row Way(string id, Verdict verdict, Action<StandInMcp> spoil) => new(id, verdict, _ => WalkAsync(spoil), _ => WalkAsync(_ => { }));

    private static Row Page(string id, Verdict verdict, Action<StandInMcp> spoil) => new(id, verdict, _ => PageAsync(spoil), _ => PageAsync(_ => { }));

    private static async Task<IReadOnlyList<CheckResult>> WalkAsync(Action<StandInMcp> spoil)
    {
        await using var host = await StandInMcp.StartAsync();
        spoil(host);
        var found = await OtherServer.RunAsync(host.McpUrl, "all", registers: true, CancellationToken.None);
        Assert.That(host.Registered, Is.Zero, "what was registered is gone");
        // Those that run with their maker do not come to this machine: as if it were on the internet.
        var way = await ClientWay.WalkAsync(host.McpUrl, CancellationToken.None);
        return
        [
            .. found.Where(result => result.Id is not ("client.claude" or "client.chatgpt")),
            .. await ClientVerdicts.JudgeAsync(way, "claude", OnTheInternet, CancellationToken.None), .. await ClientVerdicts.JudgeAsync(way, "chatgpt", OnTheInternet, CancellationToken.None),
        ];
    }

    private static async Task<IReadOnlyList<CheckResult>> PageAsync(Action<StandInMcp> spoil)
    {
        using var certificate = TestAuthority.Issue("localhost");
        await using var host = await StandInMcp.StartAsync(certificate);
        spoil(host);
        return await PageChecks.RunAsync(new Uri(host.Origin), CancellationToken.None);
    }

    private static async Task<IReadOnlyList<CheckResult>> OverHttpsAsync(DateTimeOffset until)
    {
        using var certificate = TestAuthority.Issue(until, "localhost");
        await using var host = await StandInMcp.StartAsync(certificate);
        return await OtherServer.RunAsync(host.McpUrl, null, registers: false, CancellationToken.None);
    }

    private static void Unregistrable(StandInMcp host) => (host.Server["registration_endpoint"], host.Server["client_id_metadata_document_supported"]) = (null, null);

    private static Task Html(HttpContext context)
    {
        context.Response.ContentType = "text/html";
        return context.Response.WriteAsync("<!doctype html><h1>Sign in to the intranet</h1>");
    }

    private static RequestDelegate Redirect(string to) => context =>
    {
        context.Response.Redirect(to);
        return Task.CompletedTask;
    };

    private static async Task<IReadOnlyList<CheckResult>> SettingsAsync(params string[] settings)
    {
        await using var app = Program.Build(
        [
            "--environment=Production", "--Server:PublicBaseUrl=https://id.example", "--OAuth:GoogleClientId=id", "--OAuth:GoogleClientSecret=s", "--Server:EnvFile=/nowhere/.env.oauth",
            "--OAuth:EncryptionKey=8c1f2e9b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c", .. settings,
        ]);
        return OwnChecks.JudgeSettings(app.Services);
    }

    private async Task<IReadOnlyList<CheckResult>> VerbAsync(params string[] settings)
    {
        var (_, output) = await Verbs.RunAsync(_scene.Sound, ["doctor", "--offline", "-o", "json", .. settings]);
        return Read(output);
    }

    private static async Task<IReadOnlyList<CheckResult>> ProcessAsync(string before, string wanted)
    {
        var (_, output) = await ServerProcess.RunAsync(new ServerStart { Before = before, Arguments = ["doctor", "--check", wanted, "-o", "json"] });
        // Without what standard error says beside it.
        var from = output.IndexOf("[\n", StringComparison.Ordinal);
        return Read(output[from..(output.IndexOf("\n]", from, StringComparison.Ordinal) + 2)]);
    }

    private static IReadOnlyList<CheckResult> Read(string json) => [.. JsonDocument.Parse(json).RootElement.EnumerateArray().Select(result => new CheckResult(
        OwnChecks.Known.Single(check => check.Id == result.Text("id")), Enum.Parse<Verdict>(result.Text("verdict")!, ignoreCase: true), result.Text("says")!, result.Text("cure")))];

    private async Task<IReadOnlyList<CheckResult>> OnASmallDiskAsync()
    {
        var disk = Directory.CreateTempSubdirectory("mcpidentity-small-");
        try
        {
            await ChildProcess.RunAsync("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", disk.FullName], "/");
        }
        catch (InvalidOperationException)
        {
            Assert.Ignore("Nothing can be mounted here.");
        }

        try
        {
            await File.WriteAllBytesAsync(Path.Combine(disk.FullName, "test.db"), []);
            return await _scene.WithAsync("database", $"--Database:ConnectionString=Data Source={Path.Combine(disk.FullName, "test.db")}");
        }
        finally
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            await ChildProcess.RunAsync("umount", ["-l", disk.FullName], "/");
            disk.Delete();
        }
    }

    private async Task<IReadOnlyList<CheckResult>> CertificateAsync(TimeSpan good)
    {
        using var folder = new TemporaryFolder();
        return await _scene.WithAsync("system", DoctorScene.CertificateIn(folder, TimeProvider.System.GetUtcNow() + good));
    }

    private Task<IReadOnlyList<CheckResult>> JwtAsync(string issuer) =>
        _scene.WithAsync("jwt", "--Mcp:Auth:AuthType=both", "--Jwt:Secret=", $"--Jwt:JwksUri={issuer}/jwks", "--Jwt:Issuer=them", "--Jwt:Audience=mcp-api");

    private async Task<IReadOnlyList<CheckResult>> WithAProviderOfYesterdayAsync()
    {
        await using var provider = await StandInProvider.StartAsync();
        provider.Faults["/token"] = context =>
        {
            context.Response.Headers.Date = TimeProvider.System.GetUtcNow().AddDays(-1).ToString("R", null);
            return Task.CompletedTask;
        };
        return await _scene.WithAsync("clock", $"--OAuth:Providers:corp:Issuer={provider.Origin}");
    }

    private static async Task<IReadOnlyList<CheckResult>> WithAStoredServerOfAnotherKeyAsync()
    {
        await using var server = await TestServer.StartAsync("Gateway:CatalogueRefresh=0", "Policy:Rules:0:Effect=allow");
        await Verbs.DoAsync(server, "servers", "add", "stored", "--url", "https://notes.example/mcp");
        return await DoctorScene.RunAsync("servers", [.. server.Settings, DoctorScene.OtherKey]);
    }

    private async Task<IReadOnlyList<CheckResult>> WithAnAnswerOfHealthAsync(string json)
    {
        await using var host = await StandInMcp.StartAsync();
        host.Faults["/health"] = context =>
        {
            context.Response.StatusCode = 503;
            return context.Response.WriteAsync(json);
        };
        return await _scene.WithAsync("server", $"--Server:Port={new Uri(host.Origin).Port}");
    }

    private async Task<IReadOnlyList<CheckResult>> DocumentAsync(object members)
    {
        await using var host = await DocumentHost.StartAsync();
        await using var app = Program.Build([.. _scene.Sound.Settings, .. DocumentHost.Settings.Select(setting => "--" + setting)]);
        return [await DocumentChecks.RunAsync(app.Services, host.Publish("/client", members), CancellationToken.None)];
    }

    private async Task<IReadOnlyList<CheckResult>> PostgresAsync(Action<NpgsqlConnectionStringBuilder> change, params string[] settings)
    {
        var (database, server) = await _postgres.Value;
        // Its clock stands still, and the doctor's does not.
        server.Clock.SetUtcNow(TimeProvider.System.GetUtcNow());
        await server.Services.GetRequiredService<NodeRegister>().BeatAsync();
        var connection = new NpgsqlConnectionStringBuilder(database);
        change(connection);
        return await DoctorScene.RunAsync("database", [.. server.Settings, "--Database:Url=", "--Database:Provider=Postgres", $"--Database:ConnectionString={connection.ConnectionString}", .. settings]) is { } found && settings.Length == 0
            ? [.. found, .. await DoctorScene.RunAsync("keys", server.Settings)]
            : await DoctorScene.RunAsync("keys", [.. server.Settings, .. settings]);
    }

    private async Task<IReadOnlyList<CheckResult>> BehindPgBouncerAsync()
    {
        var (database, _) = await _postgres.Value;
        await using var bouncer = await PgBouncer.StartAsync(database);
        return await PostgresAsync(connection => connection.Port = bouncer.Port);
    }

    private async Task<IReadOnlyList<CheckResult>> RedisAsync(string policy)
    {
        await using var redis = await RedisServer.StartAsync();
        await using (var connection = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{redis.Port},allowAdmin=true"))
        {
            await connection.GetDatabase().ExecuteAsync("CONFIG", "SET", "maxmemory-policy", policy);
        }

        return await _scene.WithAsync("redis", "--OAuth:SessionStorage:Type=Redis", "--OAuth:SessionStorage:Redis:Host=127.0.0.1", $"--OAuth:SessionStorage:Redis:Port={redis.Port}");
    }

    private sealed record Row(string Id, Verdict Verdict, Func<DoctorFaultTests, Task<IReadOnlyList<CheckResult>>> Fault, Func<DoctorFaultTests, Task<IReadOnlyList<CheckResult>>>? Well = null)
    {
        public string? Needs { get; init; }
    }
}
