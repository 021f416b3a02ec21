using System.Text.Json;
using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Audit;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Audit;

/// <summary>What somebody has put into the database is shown by verbs and in exports, and gives no terminal an order (docs/audit.md, "Reading it").</summary>
[Category("SEED-061")]
[Parallelizable(ParallelScope.All)]
internal sealed class AuditPrintedTests
{
    // Sets a title, rings, turns text round, and in two ways colours it; begins a line, and writes over one.
    private const string Hostile = "\u001b]0;owned\u0007 \u202Etxt \u009b31m \u001b[31m \u2028 \u0085 x\nforged\rover";
    private const string Escaped = @"\u001b]0;owned\u0007 \u202etxt \u009b31m \u001b[31m \u2028 \u0085 x\nforged\rover";

    [Test]
    public async Task Nothing_that_is_stored_gives_a_terminal_an_order()
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        await client.ConnectAsync(alice);
        await AuditRows.WaitForAsync(server, "token_issued");
        var trail = server.Services.GetRequiredService<AuditTrail>();
        var honest = SecurityEvent.Failure("tool_denied", Hostile) with { Time = server.Clock.GetUtcNow(), Tool = Hostile, Actor = "anna", Flow = "a-flow" };
        string?[] lines = [null, Hostile, "no json", $$"""{"reason":"{{Hostile.Replace("\n", "", StringComparison.Ordinal)}}"}""", "{\n\"reason\":\"\u202Ex\",\t\"tool\":\"\u00e9\" }"];
        foreach (var _ in lines)
        {
            await trail.WriteAsync(honest);
        }

        var rows = (await AuditRows.ReadAsync(server)).Count;
        await AuditRows.InDatabaseAsync(server, async db =>
        {
            foreach (var (row, line) in (await db.AuditEntries.OrderBy(row => row.Id).ToListAsync())[^lines.Length..].Zip(lines))
            {
                (row.Line, row.Event, row.TraceId) = line is null ? (row.Line, row.Event, row.TraceId) : (line, Hostile, Hostile);
            }

            await db.SaveChangesAsync();
            await db.Users.ExecuteUpdateAsync(set => set.SetProperty(user => user.Name, Hostile));
            await db.SignInSessions.ExecuteUpdateAsync(set => set.SetProperty(session => session.DeviceHint, Hostile));
            return await db.Clients.ExecuteUpdateAsync(set => set.SetProperty(one => one.DisplayName, Hostile));
        });

        var tail = await SaysAsync("audit", "tail", "-n", $"{rows}");
        Assert.That(tail.Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.Length.EqualTo(rows).And.All.Matches<string>(line => JsonElement.Parse(line!).ValueKind == JsonValueKind.Object), "a line a row");
        Assert.That(tail, Does.Contain("""{"not_json":"no json"}""").And.Contain("""{"reason":"\u202Ex","tool":"\u00E9"}"""));
        Assert.That(await SaysAsync("audit", "search"), Does.Contain(Escaped), "the event");
        Assert.That(await SaysAsync("audit", "list"), Does.Contain(Escaped));
        Assert.That(await SaysAsync("trace", "a-flow"), Does.Contain(Escaped));
        Assert.That(await SaysAsync("clients", "list"), Does.Contain(Escaped));
        Assert.That(await SaysAsync("sessions", "list"), Does.Contain(Escaped));
        Assert.That(await SaysAsync("clients", "enable", client.ClientId), Is.EqualTo($"enabled: {Escaped} ({client.ClientId})\n"));
        Assert.That(JsonElement.Parse(await SaysAsync("users", "list", "-o", "json"))[0].Text("name"), Is.EqualTo(Hostile), "to a program it says the same");
        Assert.That((await Verbs.RunAsync(server, "audit", "verify")).Output, Does.Match("changed: .*forged").And.Matches<string>(IsHarmless));

        using var folder = new TemporaryFolder();
        foreach (var format in (string[])["ndjson", "csv", "ocsf"])
        {
            await SaysAsync("audit", "export", "--format", format, "--to", folder.File(format));
            var text = await File.ReadAllTextAsync(folder.File(format));
            Assert.That(text.Replace("\r\n", "\n", StringComparison.Ordinal), Does.Contain("forged").And.Matches<string>(IsHarmless), format);
            Assert.That(text.Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.Length.EqualTo(format == "csv" ? rows + 2 : rows + 1), "a line a row, with that of the client which was enabled");
        }

        async Task<string> SaysAsync(params string[] verb)
        {
            var said = await Verbs.DoAsync(server, verb);
            Assert.That(said, Has.None.Matches<char>(IsOrder), string.Join(' ', verb));
            return said;
        }

        static bool IsHarmless(string? text) => !text!.Any(IsOrder);
        static bool IsOrder(char character) => (char.IsControl(character) && character != '\n') || character is '\u202e' or '\u2028';
    }
}
