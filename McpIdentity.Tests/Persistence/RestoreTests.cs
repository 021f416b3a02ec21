using System.Net;
using System.Net.Http.Headers;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Persistence;

/// <summary>A backup and its restore, by the commands that docs/backup.md prints ("Backup and restore").</summary>
[Category("Durability"), Category("Slow")]
[Parallelizable(ParallelScope.All)]
internal sealed class RestoreTests
{
    // Without the verb every client goes on with the newest token it has, and what was revoked since is back. With it nothing
    // of before does, and nothing that was revoked is.
    [TestCase(false, false), TestCase(false, true), TestCase(true, false, Category = "Postgres"), TestCase(true, true, Category = "Postgres")]
    public async Task Nobody_is_accused_and_with_the_verb_nothing_revoked_comes_back(bool postgres, bool withVerb)
    {
        using var shell = new Shell();
        var folder = Directory.CreateTempSubdirectory("mcpidentity-restore-");
        try
        {
            Directory.CreateDirectory(Path.Combine(folder.FullName, "data"));
            shell.Environment[postgres ? "DATABASE_URL" : "Database__ConnectionString"] = postgres
                ? PostgresServer.UrlOf(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync())
                : $"Data Source={Path.Combine(folder.FullName, "data", "mcpidentity.db")}";
            shell.Environment["ENCRYPTION_KEY"] = "0123456789abcdef0123456789abcdef01234567";
            var start = new ServerStart
            {
                Folder = folder.FullName,
                Port = Ports.Next(),
                Environment = new Dictionary<string, string?>(shell.Environment),
                Arguments = postgres ? [] : ["--Database:ConnectionString=" + shell.Environment["Database__ConnectionString"]],
            };
            OAuthClient client, late;
            string newest, ofLate, revoked, accessToken, ofLateClient;
            using var alice = new Person($"http://localhost:{start.Port}");
            await using (var server = await ServerProcess.StartAsync(start))
            {
                client = await OAuthClient.RegisterPublicAsync(server.Http);
                newest = (await client.ConnectAsync(alice)).Text("refresh_token")!;
                revoked = (await client.ConnectAsync(alice)).Text("refresh_token")!;
                await RunAsync(postgres ? "pg_dump " : " backup --to ");

                foreach (var _ in Enumerable.Range(0, 3))
                {
                    newest = await RefreshAsync(client, newest);
                }

                accessToken = (await (await client.RefreshAsync(newest)).JsonAsync()).Text("access_token")!;
                newest = (await (await client.RefreshAsync(newest)).JsonAsync()).Text("refresh_token")!;
                using var revocation = await client.PostAsync("/oauth/revoke", ("token", revoked));
                late = await OAuthClient.RegisterPublicAsync(server.Http);
                ofLate = (await client.ConnectAsync(alice)).Text("refresh_token")!;
                ofLateClient = (await late.ConnectAsync(alice)).Text("refresh_token")!;
                await server.StopAsync();
            }

            await RunAsync(postgres ? "pg_restore " : "cp ");

            await using var after = await ServerProcess.StartAsync(start);
            using var goesOn = await client.At(after.Http).RefreshAsync(newest);
            using var comesBack = await client.At(after.Http).RefreshAsync(revoked);
            using var lost = await client.At(after.Http).RefreshAsync(ofLate);
            using var lostClient = await late.At(after.Http).RefreshAsync(ofLateClient);
            using var userInfo = await UserInfoAsync(after, accessToken);

            var expected = withVerb ? HttpStatusCode.BadRequest : HttpStatusCode.OK;
            Assert.That((goesOn.StatusCode, comesBack.StatusCode), Is.EqualTo((expected, expected)), await goesOn.Content.ReadAsStringAsync());
            Assert.That(userInfo.StatusCode, Is.EqualTo(withVerb ? HttpStatusCode.Unauthorized : HttpStatusCode.OK));
            Assert.That(await lost.OAuthErrorAsync(), Is.EqualTo("invalid_grant"), "connected in the time that is lost");
            Assert.That(await lostClient.OAuthErrorAsync(), Is.EqualTo("invalid_client"), "registered in it");
            Assert.That(after.Output, Does.Not.Contain("was used twice"), "nobody is accused");

            // Who begins anew is let in.
            alice.PagesSeen.Clear();
            await Until.TrueAsync(async () =>
            {
                using var anew = await client.At(after.Http).RefreshAsync((await client.At(after.Http).ConnectAsync(alice)).Text("refresh_token")!);
                return anew.StatusCode == HttpStatusCode.OK;
            }, "a new connection works");
            Assert.That(alice.PagesSeen.Contains("/signin"), Is.EqualTo(withVerb));
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        async Task RunAsync(string what)
        {
            var block = ShellBlock.In("docs/backup.md").Single(block => block.RunBy == nameof(RestoreTests) && block.Text.Contains(what, StringComparison.Ordinal));
            var (exitCode, output) = await shell.RunAsync(string.Join('\n', block.Commands.Where(command => withVerb || !command.Contains(" restored ", StringComparison.Ordinal)).Prepend($"cd '{folder.FullName}'")));
            Assert.That(exitCode, Is.Zero, output);
        }
    }

    private static async Task<string> RefreshAsync(OAuthClient client, string token)
    {
        using var refresh = await client.RefreshAsync(token);
        return (await refresh.JsonAsync()).Text("refresh_token")!;
    }

    private static async Task<HttpResponseMessage> UserInfoAsync(ServerProcess server, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/oauth/userinfo");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await server.Http.SendAsync(request);
    }
}
