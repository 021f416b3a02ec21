using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Administration;

/// <summary>A server with one person of each role, and a service that may do all that one may.</summary>
internal sealed class AdminScene : IAsyncDisposable
{
    public const string AllScopes = "admin:read admin:write admin:keys audit:read";
    public const string ServiceSecret = "a-secret-of-the-operators-own-service";

    private AdminScene(TestServer server, StandInGoogle google) => (Server, Google) = (server, google);

    public TestServer Server { get; }

    public StandInGoogle Google { get; }

    /// <summary>The address of the API, which is its name as a resource too.</summary>
    public string Resource => Server.BaseUrl + AdminClient.Prefix;

    /// <param name="settings">Further ones.</param>
    public static async Task<AdminScene> StartAsync(params string[] settings)
    {
        var google = await StandInGoogle.StartAsync();
        foreach (var name in (string[])["olga", "otto", "anna", "hugo", "emil"])
        {
            google.Add(new GoogleAccount($"{name}@example.com", name, "Example") { SaysWhen = true });
        }

        var server = await TestServer.StartAsync(
        [
            "Admin:Owners:0=olga@example.com", "Admin:Operators:0=otto@example.com", "Admin:Auditors:0=anna@example.com", "Admin:Helpdesk:0=hugo@example.com",
            "OAuth:StaticClients:0:ClientId=robot", $"OAuth:StaticClients:0:ClientSecret={ServiceSecret}", "OAuth:StaticClients:0:GrantTypes:0=client_credentials",
            .. AllScopes.Split(' ').Select((scope, i) => $"OAuth:StaticClients:0:AdminScopes:{i}={scope}"),
            "Mcp:RateLimiting:Enabled=false", .. google.Settings, .. settings,
        ]);
        google.Clock = server.Clock;
        return new AdminScene(server, google);
    }

    /// <summary>Somebody at a browser: olga, an owner; otto, an operator; anna, an auditor; hugo, of the helpdesk; emil, who has no role.</summary>
    public Person Person(string name) => new(Server, $"{name}@example.com", Google.Origin);

    /// <summary>A person signs in and lets a client of theirs have what their role allows.</summary>
    /// <param name="name">Who.</param>
    /// <param name="scope">What their client asks for.</param>
    /// <param name="isFresh">They have just signed in at their provider, for what needs that (RFC 9470).</param>
    public async Task<AdminClient> ClientAsync(string name = "olga", string scope = AllScopes, bool isFresh = true)
    {
        var client = await OAuthClient.RegisterPublicAsync(Server);
        using var person = Person(name);
        return new AdminClient(Server, (await client.ConnectAsync(person, ("scope", scope), ("resource", Resource), ("max_age", isFresh ? "600" : null))).Text("access_token"));
    }

    /// <summary>A service, which speaks for itself: robot, which may have all scopes, or another of the settings.</summary>
    public async Task<AdminClient> ServiceAsync(string name = "robot", string scope = AllScopes)
    {
        using var response = await OAuthClient.Of(Server, name, ServiceSecret, "").TokenAsync(("grant_type", "client_credentials"), ("scope", scope), ("resource", Resource));
        return new AdminClient(Server, (await response.JsonAsync()).Text("access_token"));
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await Google.DisposeAsync();
    }
}
