using System.Security.Cryptography.X509Certificates;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server;
using McpIdentity.Server.Doctor;
using McpIdentity.Server.Operations;
using McpIdentity.Tests.Support;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol.AspNetCore;
using ModelContextProtocol.Server;

namespace McpIdentity.Tests.Doctor;

/// <summary>A server that has everything that the doctor looks at, all of it sound, and one in whose database everything is wrong that can be.</summary>
internal sealed class DoctorScene : IAsyncDisposable
{
    public const string OtherKey = "--OAuth:EncryptionKey=another test key of more than thirty-two characters";

    private readonly List<IAsyncDisposable> _parts = [];
    private IReadOnlyList<CheckResult> _ill = [];

    public TestServer Sound { get; private set; } = null!;

    public TestServer Ill { get; private set; } = null!;

    public StandInProvider Provider { get; private set; } = null!;

    /// <summary>What was found of the sound one.</summary>
    public IReadOnlyList<CheckResult> OfSound { get; private set; } = [];

    /// <summary>What was found of the ill one.</summary>
    public IReadOnlyList<CheckResult> OfIll => _ill;

    public static async Task<DoctorScene> StartAsync()
    {
        var scene = new DoctorScene();
        scene.Provider = scene.Own(await StandInProvider.StartAsync());
        var notes = scene.Own(await Upstream.StartAsync(HttpServerSessionMode.Stateless, mcp => mcp.WithTools([McpServerTool.Create(() => "hello", new McpServerToolCreateOptions { Name = "hello" })])));
        var calendar = scene.Own(await StandInAuthority.StartAsync());
        scene.Sound = scene.Own(await TestServer.StartAsync(
        [
            .. scene.Provider.SettingsOf("corp"), "Gateway:CatalogueRefresh=0", "Policy:Rules:0:Effect=allow",
            $"Gateway:Servers:notes:Url={notes.Url}", "Gateway:Servers:notes:Review=New", $"Gateway:Servers:calendar:Url={calendar.McpUrl}", "Gateway:Servers:calendar:Upstream:Auth=OAuth",
        ]));
        scene.Provider.RedirectUris.Add(scene.Sound.BaseUrl + "/oauth/callback/corp");
        scene.Ill = scene.Own(await TestServer.StartAsync("Gateway:CatalogueRefresh=0", "Policy:Rules:0:Effect=allow", $"Gateway:Servers:notes:Url={notes.Url}", "Gateway:Servers:notes:Review=New"));
        // A machine under load may not read the provider in its five seconds; the server's clock stands still, and so does its pause before the next try.
        for (var tries = 0; tries < 5 && (await OwnChecks.RunAsync(scene.Sound.Services, "providers", CancellationToken.None)).Any(result => result.Verdict == Verdict.Fail); tries++)
        {
            scene.Sound.Clock.Advance(TimeSpan.FromSeconds(3));
        }

        scene.OfSound = await OwnChecks.RunAsync(scene.Sound.Services, null, CancellationToken.None);
        await scene.SpoilAsync();
        return scene;
    }

    /// <summary>Of the sound server, but for these settings.</summary>
    public Task<IReadOnlyList<CheckResult>> WithAsync(string wanted, params string[] settings) => RunAsync(wanted, [.. Sound.Settings, .. settings]);

    public static async Task<IReadOnlyList<CheckResult>> RunAsync(string wanted, params string[] settings)
    {
        await using var app = Program.Build(settings);
        return await OwnChecks.RunAsync(app.Services, wanted, CancellationToken.None);
    }

    /// <summary>A certificate of this machine, in files as Kestrel reads them.</summary>
    public static string[] CertificateIn(TemporaryFolder folder, DateTimeOffset until)
    {
        using var certificate = TestAuthority.Issue(until, "localhost");
        File.WriteAllText(folder.File("tls.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(folder.File("tls.key"), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        return [$"--Kestrel:Certificates:Default:Path={folder.File("tls.pem")}", $"--Kestrel:Certificates:Default:KeyPath={folder.File("tls.key")}"];
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var part in Enumerable.Reverse(_parts))
        {
            await part.DisposeAsync();
        }
    }

    private T Own<T>(T part)
        where T : IAsyncDisposable
    {
        _parts.Add(part);
        return part;
    }

    private async Task SpoilAsync()
    {
        var (unused, waiting) = (await OAuthClient.RegisterPublicAsync(Ill), await OAuthClient.RegisterPublicAsync(Ill));
        await using var scope = Ill.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        var longAgo = Ill.Clock.GetUtcNow() - TimeSpan.FromDays(200);
        await db.Clients.Where(client => client.ClientId == unused.ClientId).ExecuteUpdateAsync(set => set.SetProperty(client => EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt), longAgo));
        await db.Clients.Where(client => client.ClientId == waiting.ClientId).ExecuteUpdateAsync(set => set.SetProperty(client => EF.Property<DateTimeOffset?>(client, ClientColumns.AwaitingApprovalSince), longAgo));
        db.Users.Add(new User { Id = "u", Provider = "demo", ProviderSubject = "u", CreatedAt = longAgo, LastSignInAt = longAgo });
        db.SignInSessions.Add(new SignInSession { Id = "s", UserId = "u", Provider = "demo", ProtectedTokens = "", CreatedAt = longAgo, KeptUntil = longAgo });
        db.GatewayTools.Add(new GatewayTool { Server = "notes", Name = "new", Hash = "h", FirstHash = "h", FirstSeenAt = longAgo, LastSeenAt = longAgo });
        await db.SaveChangesAsync();
        await db.SigningKeys.ExecuteUpdateAsync(set => set.SetProperty(key => key.ActivatesAt, longAgo));
        var file = new SqliteConnectionStringBuilder(db.Database.GetConnectionString()).DataSource;
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        }

        var first = await OwnChecks.RunAsync(Ill.Services, null, CancellationToken.None);
        // Then what would keep the others from being seen.
        await db.SigningKeys.ExecuteUpdateAsync(set => set.SetProperty(key => key.RetiresAt, longAgo));
        var second = await OwnChecks.RunAsync(Ill.Services, "keys", CancellationToken.None);
        await db.Database.ExecuteSqlAsync($"""INSERT INTO "__EFMigrationsHistory" VALUES ('20990101000000_FromTheFuture', '12.0.0')""");
        var third = await OwnChecks.RunAsync(Ill.Services, "database", CancellationToken.None);
        _ill = [.. first, .. second, .. third];
    }
}
