using System.Net;
using System.Runtime.Versioning;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace McpIdentity.Tests.Sessions;

/// <summary>The session file: SEED-009, SEED-028, B-07.</summary>
[Category("SEED-028")]
[Category("B-07")]
[Parallelizable(ParallelScope.All)]
internal sealed class FileSessionTests
{
    private static readonly EncryptionKeys Keys = new(Options.Create(new OAuthServerOptions { EncryptionKey = "a test key of more than thirty-two characters" }));

    [Test]
    [SupportedOSPlatform("linux")]
    [Category("Slow")]
    public async Task A_token_survives_a_restart()
    {
        using var folder = new TemporaryFolder();
        var start = new ServerStart
        {
            Folder = folder.Path,
            Port = Ports.Next(),
            Environment = new Dictionary<string, string?> { ["SESSION_STORAGE"] = "file", ["SESSION_FILE_PATH"] = "./store/oauth-sessions.json" },
        };
        string token;
        await using (var before = await ServerProcess.StartAsync(start))
        {
            using var alice = new Person(before.BaseUrl);
            token = (await (await OAuthClient.RegisterPublicAsync(before.Http)).ConnectAsync(alice)).Text("access_token")!;
            await before.KillAsync();
        }

        var file = folder.File("store/oauth-sessions.json");
        Assert.That(File.GetUnixFileMode(file), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite), "0600");
        Assert.That(File.GetUnixFileMode(folder.File("store")), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute), "0700");
        Assert.That(await File.ReadAllTextAsync(file), Does.Not.Contain(token).And.Not.Contain("demo"));
        await using var after = await ServerProcess.StartAsync(start);
        Assert.That((await after.Http.CallToolAsync(token)).Status, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    [Category("SEED-027")]
    [Category("Slow")]
    public async Task Sessions_in_memory_are_lost_with_the_process_and_the_start_says_so()
    {
        using var folder = new TemporaryFolder();
        var start = new ServerStart { Folder = folder.Path, Port = Ports.Next(), Arguments = ["--OAuth:SessionStorage:Type=memory"] };
        string token;
        string refreshToken;
        OAuthClient client;
        await using (var before = await ServerProcess.StartAsync(start))
        {
            using var alice = new Person(before.BaseUrl);
            client = await OAuthClient.RegisterPublicAsync(before.Http);
            var tokens = await client.ConnectAsync(alice);
            (token, refreshToken) = (tokens.Text("access_token")!, tokens.Text("refresh_token")!);
            Assert.That(before.Output, Does.Contain("Sign-in sessions are kept in memory"));
            await before.StopAsync();
        }

        await using var after = await ServerProcess.StartAsync(start);
        var (status, challenge) = await after.Http.CallToolAsync(token);
        Assert.That(status, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(challenge, Does.Contain("Session not found"));
        using var refresh = await client.At(after.Http).RefreshAsync(refreshToken);
        Assert.That(await refresh.OAuthErrorAsync(), Is.EqualTo("invalid_grant"), "or the client would refresh for ever");
    }

    [Test]
    public async Task A_second_process_on_the_same_file_does_not_start()
    {
        using var folder = new TemporaryFolder();
        using var first = Storage(folder.File("sessions.db"));
        await first.OpenAsync(default);

        using var second = Storage(folder.File("sessions.db"));
        var refusal = await Assert.ThrowsAsync<InvalidOperationException>(() => second.OpenAsync(default));
        Assert.That(refusal!.Message, Does.Contain("in use by another process").And.Contain(folder.File("sessions.db")));

        first.Dispose();
        await Assert.DoesNotThrowAsync(() => second.OpenAsync(default));
    }

    [Test]
    public async Task A_path_that_cannot_be_written_stops_the_start_with_path_and_reason()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("file"), "");
        await using var server = ServerProcess.Launch(new ServerStart
        {
            Folder = folder.Path,
            Arguments = ["--OAuth:SessionStorage:Type=File", "--OAuth:SessionStorage:FilePath=file/sessions.db"],
        });

        Assert.That(await server.WaitForExitAsync(), Is.Not.Zero);
        Assert.That(server.Output, Does.Contain(folder.File("file/sessions.db")).And.Contain("cannot be written"));
    }

    [TestCase("not our file at all\n")]
    [TestCase("{\"sessions\":[]}")]
    [TestCase("\0\0\0\0")]
    public async Task A_file_that_is_none_of_ours_is_moved_aside(string content)
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("sessions.db"), content);
        using var storage = Storage(folder.File("sessions.db"));

        Assert.That(await storage.OpenAsync(default), Is.Zero);

        var aside = Directory.GetFiles(folder.Path, "sessions.db.corrupt-*").Single();
        Assert.That(await File.ReadAllTextAsync(aside), Is.EqualTo(content));
        await storage.AddAsync(Session("new"), default);
        Assert.That(await storage.FindAsync("new", default), Is.Not.Null);
    }

    [Test]
    public async Task A_damaged_line_is_lost_alone()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("sessions.db");
        using (var storage = Storage(path))
        {
            await storage.OpenAsync(default);
            await storage.AddAsync(Session("one"), default);
            await storage.AddAsync(Session("two"), default);
        }

        var lines = await File.ReadAllLinesAsync(path);
        await File.WriteAllLinesAsync(path, [.. lines[..^1], lines[^1][..^20]]);
        using var again = Storage(path);

        Assert.That(await again.OpenAsync(default), Is.Zero, "damage is no other key");
        Assert.That(await again.ListAsync(default).CountAsync(), Is.EqualTo(1));
        Assert.That(Directory.GetFiles(folder.Path, "sessions.db.corrupt-*"), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task A_full_disk_is_no_answer_and_what_was_changed_is_written_as_soon_as_it_can_be()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("sessions.db");
        using var storage = Storage(path);
        await storage.OpenAsync(default);
        Directory.CreateDirectory(path + ".new"); // stands where the next write begins

        await Assert.ThrowsAsync<StorageUnavailableException>(() => storage.AddAsync(Session("one"), default));
        await Assert.ThrowsAsync<StorageUnavailableException>(() => storage.CheckAsync(default));
        Directory.Delete(path + ".new");
        await storage.CheckAsync(default);

        storage.Dispose();
        using var again = Storage(path);
        await again.OpenAsync(default);
        Assert.That(await again.FindAsync("one", default), Is.Not.Null);
    }

    [TestCase(null, null, "data/oauth-sessions.db", false)]
    [TestCase(null, "./sessions", "./sessions/oauth-sessions.db", false)]
    [TestCase("./here.db", null, "./here.db", false)]
    [TestCase("./here.db", "./sessions", "./here.db", true)]
    [Category("SEED-009")]
    public void The_file_is_where_either_setting_says_and_the_file_path_wins(string? filePath, string? storePath, string expected, bool isTwice)
    {
        var options = new SessionStorageOptions();
        options.TakeFrom(new SessionStorageOptions { Type = SessionStorageType.File, FilePath = filePath }, storePath);

        Assert.That(options.FilePath, Is.EqualTo(expected));
        Assert.That(options.IsFilePathTwice, Is.EqualTo(isTwice));
    }

    [Test]
    [Category("SEED-009")]
    [Category("Slow")]
    public async Task The_folder_of_the_seed_is_made_and_a_path_beside_it_is_warned_of()
    {
        using var folder = new TemporaryFolder();
        await using (await ServerProcess.StartAsync(new ServerStart
        {
            Folder = folder.Path,
            Arguments = ["--OAuth:SessionStorage:Type=File", "--Mcp:Auth:OAuth:SessionStorePath=./sessions"],
        }))
        {
            Assert.That(File.Exists(folder.File("sessions/oauth-sessions.db")), Is.True);
        }

        await using var both = await ServerProcess.StartAsync(new ServerStart
        {
            Folder = folder.Path,
            Arguments = ["--OAuth:SessionStorage:Type=File", "--Mcp:Auth:OAuth:SessionStorePath=./sessions", "--OAuth:SessionStorage:FilePath=./other.db"],
        });
        Assert.That(File.Exists(folder.File("other.db")), Is.True);
        Assert.That(both.Output, Does.Contain("SessionStorePath are set; sessions are kept in ./other.db"));
    }

    private static FileSessions Storage(string path) => new(
        Options.Create(new SessionStorageOptions { FilePath = path }), Keys, new FakeTimeProvider(DateTimeOffset.FromUnixTimeSeconds(1_800_000_000)), NullLogger<FileSessions>.Instance);

    private static SignInSession Session(string id) => new()
    {
        Id = id,
        UserId = "alice",
        Provider = "demo",
        KeptUntil = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000).AddDays(7),
        ProtectedTokens = new UpstreamTokens(null, null, null).Protect(Keys),
    };
}
