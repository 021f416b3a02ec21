using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using McpIdentity.Tests.Support;
using Microsoft.Data.Sqlite;

namespace McpIdentity.Tests.Audit;

/// <summary>The whole server at its most talkative: what it writes holds no secret of anybody (docs/security-log.md).</summary>
[Category("SEED-062"), Category("B-12"), Category("B-18")]
[Parallelizable]
internal sealed class NoSecretsTests
{
    private static readonly string[] SecretParameters = ["code", "decision", "state", "code_verifier"];

    [Test]
    [Category("Slow")]
    public async Task No_log_at_any_level_and_no_row_of_the_audit_holds_a_secret()
    {
        var settings = new Dictionary<string, string>
        {
            ["OAuth:EncryptionKey"] = "marker-encryption-key-of-thirty-two-and-more",
            ["OAuth:SessionStorage:Redis:Password"] = "marker-redis-password",
            ["Jwt:Secret"] = "marker-jwt-secret-of-thirty-two-bytes-and-more",
            ["OAuth:GoogleClientSecret"] = StandInGoogle.ClientSecret,
        };
        await using var google = await StandInGoogle.StartAsync();
        await using var collector = await StandInCollector.StartAsync();
        await using var server = await ServerProcess.StartAsync(new ServerStart
        {
            Environment = collector.Environment(),
            Arguments =
        [
            .. settings.Select(setting => $"--{setting.Key}={setting.Value}"),
            $"--OAuth:GoogleClientId={StandInGoogle.ClientId}", $"--OAuth:GoogleAuthorizationEndpoint={google.AuthorizationEndpoint}",
            $"--OAuth:GoogleTokenEndpoint={google.TokenEndpoint}", $"--OAuth:GoogleUserInformationEndpoint={google.UserInfoEndpoint}",
            "--Mcp:Auth:AuthType=both", "--Jwt:Issuer=your-service", "--Jwt:Audience=mcp-api",
            "--Mcp:SecurityLogging:Enabled=true", "--Mcp:SecurityLogging:LogLevel=debug", "--Mcp:SecurityLogging:LogToFile=true",
            "--Mcp:SecurityLogging:LogFilePath=security.log", "--Logging:Console:FormatterName=simple", "--Logging:Console:FormatterOptions:SingleLine=true",
            .. new[] { "Default", "Microsoft", "Microsoft.AspNetCore", "Microsoft.AspNetCore.Hosting.Diagnostics", "Microsoft.EntityFrameworkCore", "OpenIddict", "System", "ModelContextProtocol" }
                .SelectMany(category => new[] { $"--Logging:LogLevel:{category}=Trace", $"--Logging:Console:LogLevel:{category}=Trace" }),
        ]
        });

        var secrets = await UseEverythingAsync(server, google);
        secrets.UnionWith(settings.Values);
        Assert.That(await server.StopAsync(), Is.Zero);

        var audit = LogLines.ReadText(Path.Combine(server.Folder, "security.log"));
        var rows = await ReadRowsAsync(Path.Combine(server.Folder, "mcpidentity.db"));
        var found = (audit + server.Output + collector.Everything + "\n" + string.Join('\n', rows)).Split('\n')
            .SelectMany(line => secrets.Where(secret => line.Contains(secret, StringComparison.OrdinalIgnoreCase)).Select(secret => $"{secret[..Math.Min(20, secret.Length)]} in: {line}"))
            .ToList();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(string.Join('\n', found), Is.Empty);
            Assert.That(secrets, Has.Count.GreaterThan(20));
            Assert.That(server.Output, Does.Contain("trce:"), "the server was talkative");
            Assert.That(rows.Where(row => row.Contains("token_refused", StringComparison.Ordinal)), Is.Not.Empty, "and the audit was on");
            Assert.That(rows, Has.Count.GreaterThanOrEqualTo(LogLines.Parse(audit).Count(line => line.Text("level") != "debug")), "with all that the log has");
            Assert.That((collector.Spans.Count, collector.Points.Count, collector.Records.Count), Is.GreaterThan((20, 20, 20)), "and so was its telemetry");
            Assert.That(LogLines.Parse(audit).Select(line => line.Text("event")), Is.SupersetOf((string[])
            [
                "client_registered", "login_success", "login_failure", "consent_granted", "code_issued", "token_issued", "token_refreshed", "token_refused",
                "mcp_auth_success", "mcp_auth_failure", "client_authentication_failed", "code_reuse", "request_refused",
            ]));
        }
    }

    [Test, Category("SEED-061"), Category("SEED-063")]
    [Category("Slow")]
    public async Task Switched_on_and_no_more_said_the_log_is_standard_output_and_complete_after_a_stop()
    {
        await using var server = await ServerProcess.StartAsync(new ServerStart
        {
            Arguments = ["--Mcp:SecurityLogging:Enabled=true"],
            Environment = new Dictionary<string, string?> { ["LOG_LEVEL"] = "warn" },
        });
        using var refused = await server.Http.GetAsync("/oauth/authorize");
        await OAuthClient.RegisterPublicAsync(server.Http); // a success: below this level
        using var called = await CallAsync(server, "marker-bearer");
        Assert.That(await server.StopAsync(), Is.Zero);

        var lines = LogLines.Parse(string.Concat(server.Output.Split('\n').Where(line => line.StartsWith("{\"time\":", StringComparison.Ordinal)).Select(line => line + "\n")));
        Assert.That(lines.Select(line => line.Text("event")), Is.EqualTo(["authorization_refused", "mcp_auth_failure"]), "LOG_LEVEL is the default of this log too");
        Assert.That(server.Output, Does.Not.Contain("marker-bearer"));
        Assert.That(Directory.Exists(Path.Combine(server.Folder, "logs")), Is.False);
    }

    [Test]
    public async Task A_path_that_cannot_be_written_ends_the_start_and_is_named()
    {
        await using var server = ServerProcess.Launch(new ServerStart
        {
            Arguments = ["--Mcp:SecurityLogging:Enabled=true", "--Mcp:SecurityLogging:LogToFile=true", "--Mcp:SecurityLogging:LogFilePath=/dev/null/security.log"],
        });

        Assert.That(await server.WaitForExitAsync(), Is.Not.Zero);
        Assert.That(server.Output, Does.Contain("Mcp:SecurityLogging:LogFilePath '/dev/null/security.log' cannot be written"));
    }

    /// <returns>Each row with all its columns.</returns>
    private static async Task<List<string>> ReadRowsAsync(string path)
    {
        await using var connection = new SqliteConnection($"Data Source={path};Mode=ReadOnly;Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = """SELECT * FROM "AuditEntries" ORDER BY "Id" """;
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync())
        {
            rows.Add(string.Join(' ', Enumerable.Range(0, reader.FieldCount).Select(column => reader.GetValue(column) is byte[] bytes ? Convert.ToHexString(bytes) : reader.GetValue(column).ToString())));
        }

        return rows;
    }

    /// <returns>Every secret that went over the wire.</returns>
    private static async Task<HashSet<string>> UseEverythingAsync(ServerProcess server, StandInGoogle google)
    {
        var client = await OAuthClient.RegisterAsync(server.Http, new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, grant_types = new[] { "authorization_code", "refresh_token" } });
        using var alice = new Person(server.BaseUrl, "alice@example.com", google.Origin);
        var code = await client.AuthorizeAsync(alice, ("scope", "mcp mcp:call openid email"));
        using var redeemed = await client.RedeemAsync(code);
        var tokens = await redeemed.JsonAsync();
        using var refreshed = await client.RefreshAsync(tokens.Text("refresh_token")!);
        var again = await refreshed.JsonAsync();
        using var userInfo = await GetAsync(server, "/oauth/userinfo", tokens.Text("access_token")!);
        using var introspected = await client.PostAsync("/oauth/introspect", ("token", tokens.Text("access_token")));
        using var wrongSecret = await server.Http.PostAsync("/oauth/token", new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "refresh_token",
            ["refresh_token"] = "marker-refresh-token",
            ["client_id"] = client.ClientId,
            ["client_secret"] = "marker-wrong-secret",
        }));
        foreach (var bearer in new[] { tokens.Text("access_token")!, again.Text("access_token")!, "marker-bearer", tokens.Text("refresh_token")! })
        {
            using var called = await CallAsync(server, bearer);
        }

        using var inQuery = await server.Http.GetAsync("/oauth/userinfo?access_token=marker-in-query");
        using var callback = await GetAsync(server, "/oauth/callback?code=marker-callback-code&state=marker-callback-state", "marker-bearer-2");
        using var replayed = await client.RedeemAsync(code);
        using var revoked = await client.PostAsync("/oauth/revoke", ("token", again.Text("refresh_token")));

        HashSet<string> secrets =
        [
            client.Secret!, client.Verifier, code, tokens.Text("access_token")!, tokens.Text("refresh_token")!, tokens.Text("id_token")!,
            again.Text("access_token")!, again.Text("refresh_token")!, "marker-wrong-secret", "marker-refresh-token", "marker-bearer", "marker-in-query",
            "marker-callback-code", "marker-callback-state", Convert.ToBase64String(Encoding.ASCII.GetBytes($"{client.ClientId}:{client.Secret}")),
        ];
        secrets.UnionWith(alice.Cookies.GetAllCookies().Where(cookie => cookie.Name != "mcpidentity-provider").Select(cookie => cookie.Value)); // but which provider it was
        secrets.UnionWith(alice.Browser.Visits.SelectMany(visit => visit.Query).Where(parameter => SecretParameters.Contains(parameter.Key) && parameter.Value != "the state").Select(parameter => parameter.Value!));
        secrets.UnionWith(google.Requests.SelectMany(request => request.Parameters).Where(parameter => SecretParameters.Contains(parameter.Key)).Select(parameter => parameter.Value));
        secrets.UnionWith(google.Requests.Select(request => request.Authorization.Replace("Bearer ", "", StringComparison.Ordinal)).Where(token => token.Length > 0));
        return secrets;
    }

    private static async Task<HttpResponseMessage> GetAsync(ServerProcess server, string url, string bearer)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, url) { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", bearer) } };
        request.Headers.Add("Cookie", "mcpidentity=marker-cookie");
        return await server.Http.SendAsync(request);
    }

    private static async Task<HttpResponseMessage> CallAsync(ServerProcess server, string bearer)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp")
        {
            Content = new StringContent(JsonSerializer.Serialize(new { jsonrpc = "2.0", id = 1, method = "tools/call", @params = new { name = "whoami", arguments = new { } } }), Encoding.UTF8, "application/json"),
            Headers = { Authorization = new AuthenticationHeaderValue("Bearer", bearer) },
        };
        return await server.Http.SendAsync(request);
    }
}
