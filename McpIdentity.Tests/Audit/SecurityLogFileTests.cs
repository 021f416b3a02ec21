using McpIdentity.Mcp;
using McpIdentity.Mcp.Audit;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace McpIdentity.Tests.Audit;

/// <summary>The file behind the security log.</summary>
[Category("SEED-062")]
[Parallelizable(ParallelScope.All)]
internal sealed class SecurityLogFileTests
{
    private static readonly string[] Hostile =
    [
        "line\nbreak", "{\"event\":\"forged\"}", "\u2028\u2029", "\0\u0007\u001b[31m", "\ud800 half a pair", "\"},{\"", new('x', 10_000), "日本", "</script>",
    ];

    [Test]
    public async Task One_object_a_line_however_hostile_the_text()
    {
        using var folder = new TemporaryFolder();
        await using (var log = Open(folder.File("log")))
        {
            foreach (var text in Hostile)
            {
                log.Write(null, SecurityEvent.Failure("mcp_auth_failure", text) with { ClientId = text, Subject = text, Tool = text, Method = text });
            }
        }

        var lines = LogLines.Read(folder.File("log"));
        Assert.That(lines, Has.Count.EqualTo(Hostile.Length));
        foreach (var (line, text) in lines.Zip(Hostile))
        {
            Assert.That(line.GetProperty("event").GetString(), Is.EqualTo("mcp_auth_failure"));
            var expected = text.Length > 256 ? text[..256] : text.Replace('\ud800', '\ufffd');
            Assert.That(line.GetProperty("tool").GetString(), Is.EqualTo(expected));
        }

        Assert.That(File.ReadAllBytes(folder.File("log")).Where(value => value is not (byte)'\n'), Is.All.InRange(0x20, 0x7E));
    }

    [Test, Category("B-12")]
    public async Task The_file_is_put_aside_by_bytes_and_only_so_many_are_kept()
    {
        using var folder = new TemporaryFolder();
        await using (var log = Open(folder.File("log"), maxBytes: 1000, maxFiles: 3))
        {
            for (var number = 0; number < 100; number++)
            {
                log.Write(null, SecurityEvent.Success("login_success") with { Subject = $"{number}" });
            }
        }

        var names = Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order();
        var subjects = new[] { "log.2", "log.1", "log" }.SelectMany(name => LogLines.Read(folder.File(name))).Select(line => line.GetProperty("subject").GetString()).ToList();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(names, Is.EqualTo(["log", "log.1", "log.2"]));
            Assert.That(new[] { "log", "log.1", "log.2" }.Select(name => new FileInfo(folder.File(name)).Length), Is.All.InRange(1, 1000));
            Assert.That(subjects, Is.EqualTo(Enumerable.Range(100 - subjects.Count, subjects.Count).Select(number => $"{number}")), "in order and without a gap up to the last");
            Assert.That(subjects, Has.Count.GreaterThan(15));
        }
    }

    [Test]
    public async Task Its_mode_is_0600_and_what_stood_in_it_stays()
    {
        using var folder = new TemporaryFolder();
        Assert.That(new SecurityLogFile(folder.File("a/b/log"), 1000, 1).Prepare(), Is.Null);
        await using (var log = Open(folder.File("a/b/log")))
        {
            log.Write(null, SecurityEvent.Success("login_success"));
        }

        await using (var log = Open(folder.File("a/b/log")))
        {
            log.Write(null, SecurityEvent.Success("session_ended"));
        }

        Assert.That(LogLines.Read(folder.File("a/b/log")).Select(line => line.GetProperty("event").GetString()), Is.EqualTo(["login_success", "session_ended"]));
        if (!OperatingSystem.IsWindows())
        {
            Assert.That(File.GetUnixFileMode(folder.File("a/b/log")), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        }
    }

    [Test]
    public async Task Several_writers_of_one_file_lose_nothing()
    {
        using var folder = new TemporaryFolder();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async writer =>
        {
            await using var log = Open(folder.File("log"));
            for (var number = 0; number < 500; number++)
            {
                log.Write(null, SecurityEvent.Success("login_success") with { Subject = $"{writer} {number}" });
            }
        }));

        Assert.That(LogLines.Read(folder.File("log")).Select(line => line.GetProperty("subject").GetString()).Distinct().Count(), Is.EqualTo(2000));
    }

    [Test]
    public async Task A_flood_blocks_nobody_and_what_was_lost_is_counted()
    {
        using var folder = new TemporaryFolder();
        const int Events = 100_000;
        await using (var log = Open(folder.File("log"), maxBytes: long.MaxValue))
        {
            for (var number = 0; number < Events; number++)
            {
                log.Write(null, SecurityEvent.Success("login_success"));
            }

            await LogLines.WaitForAsync(folder.File("log"), "login_success");
        }

        var lines = LogLines.Read(folder.File("log"));
        var written = lines.Count(line => line.GetProperty("event").GetString() == "login_success");
        var dropped = lines.Where(line => line.GetProperty("event").GetString() == "events_dropped")
            .Sum(line => int.Parse(line.GetProperty("reason").GetString()!.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture));
        Assert.That(written + dropped, Is.EqualTo(Events));
    }

    [Test]
    public async Task A_file_that_cannot_be_written_for_a_while_costs_events_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("log");
        await using (var log = Open(path))
        {
            Directory.CreateDirectory(path); // a directory in the file's place
            log.Write(null, SecurityEvent.Success("login_success") with { Subject = "lost" });
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            while (log.Lost == 0)
            {
                await Task.Delay(10, deadline.Token);
            }

            Directory.Delete(path);
            log.Write(null, SecurityEvent.Success("login_success") with { Subject = "kept" });
        }

        Assert.That(LogLines.Read(path).Select(line => line.GetProperty("event").GetString()), Is.EqualTo(["login_success", "events_dropped"]));
    }

    [TestCase(SecurityLogLevel.Error, "code_reuse")]
    [TestCase(SecurityLogLevel.Warn, "code_reuse login_failure expired_token_accepted")]
    [TestCase(SecurityLogLevel.Info, "code_reuse login_failure expired_token_accepted login_success")]
    [Category("SEED-061")]
    public async Task The_level_says_what_is_written(SecurityLogLevel level, string expected)
    {
        using var folder = new TemporaryFolder();
        await using (var log = Open(folder.File("log"), level: level))
        {
            log.Write(null, SecurityEvent.Alarm("code_reuse", null));
            log.Write(null, SecurityEvent.Failure("login_failure", null));
            log.Write(null, SecurityEvent.Warning("expired_token_accepted", null));
            log.Write(null, SecurityEvent.Success("login_success"));
        }

        Assert.That(string.Join(' ', LogLines.Read(folder.File("log")).Select(line => line.GetProperty("event").GetString())), Is.EqualTo(expected));
    }

    [TestCase("LogFilePath", "/dev/null/security.log", "/dev/null/security.log"), TestCase("LogFilePath", "/proc/security.log", "/proc/security.log")]
    [TestCase("LogFilePath", "", "LogFilePath"), TestCase("MaxFileSizeBytes", "0", "MaxFileSizeBytes"), TestCase("MaxFiles", "0", "MaxFiles")]
    public void A_log_that_could_not_be_written_stops_the_start_and_is_named(string setting, string value, string problem) => Assert.That(
        async () => await McpHost.StartAsync(new Dictionary<string, string?>
        {
            ["Mcp:SecurityLogging:Enabled"] = "true",
            ["Mcp:SecurityLogging:LogToFile"] = "true",
            ["Mcp:SecurityLogging:" + setting] = value,
        }),
        Throws.InstanceOf<OptionsValidationException>().With.Message.Contains(problem));

    private static SecurityLog Open(string path, long maxBytes = 1_000_000, int maxFiles = 2, SecurityLogLevel level = SecurityLogLevel.Info)
    {
        var options = new McpOptions();
        options.SecurityLogging = new SecurityLoggingOptions
        {
            Enabled = true,
            LogToFile = true,
            LogFilePath = path,
            MaxFileSizeBytes = maxBytes,
            MaxFiles = maxFiles,
            LogLevel = level,
        };
        return new SecurityLog(Options.Create(options), new FakeTimeProvider(TestTokens.Now), NullLogger<SecurityLog>.Instance) { EndsWithin = TimeSpan.FromMinutes(2) };
    }
}
