using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Roles;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Administration;

/// <summary>Makes what an operation works on, anew for each call: by the names of the parts of its path.</summary>
internal static class AdminSeeds
{
    private static int _count;

    /// <param name="scene">The server.</param>
    /// <param name="operation">For what.</param>
    /// <returns>The path, with what was made in it.</returns>
    public static async Task<string> PathForAsync(AdminScene scene, ApiDocument.Operation operation)
    {
        var path = operation.Path;
        if (operation.Id == "trace")
        {
            return $"{path}?of={(await AccessTokenAsync(scene)).Subject}";
        }

        if (operation.Id == "remove_connection")
        {
            var connection = await ConnectionAsync(scene);
            return path.Replace("{server_name}", connection.Server, StringComparison.Ordinal).Replace("{user_id}", connection.UserId, StringComparison.Ordinal);
        }

        foreach (var (part, make) in new (string, Func<Task<string>>)[]
        {
            ("{session_id}", async () => (await AccessTokenAsync(scene)).GetClaim("sid").Value), ("{grant_id}", async () => (await AccessTokenAsync(scene)).GetClaim("oi_au_id").Value), ("{token_id}", () => Task.FromResult(Guid.NewGuid().ToString())),
            ("{server_name}", () => ServerAsync(scene, $"seed-{Interlocked.Increment(ref _count)}")), ("{version}", () => PolicyVersionAsync(scene)), ("{token_name}", () => InitialAccessTokenAsync(scene)),
        })
        {
            if (path.Contains(part, StringComparison.Ordinal))
            {
                path = path.Replace(part, await make(), StringComparison.Ordinal);
            }
        }

        if (path.Contains("{client_id}", StringComparison.Ordinal))
        {
            path = path.Replace("{client_id}", await ClientAsync(scene, isWaiting: operation.Id == "approve_client"), StringComparison.Ordinal);
        }

        if (path.Contains("{user_id}", StringComparison.Ordinal))
        {
            path = path.Replace("{user_id}", await UserAsync(scene, operation.Id is "get_role" or "remove_role" ? AdminRole.Auditor : null), StringComparison.Ordinal);
        }

        return path;
    }

    /// <summary>A name that nothing has.</summary>
    public static string Next() => $"seed-{Interlocked.Increment(ref _count)}";

    /// <summary>Somebody's own account at a server behind this one.</summary>
    public static async Task<UpstreamConnection> ConnectionAsync(AdminScene scene)
    {
        var connection = new UpstreamConnection { Server = await ServerAsync(scene, "seed"), UserId = await UserAsync(scene), Tokens = "nothing that could be read" };
        await StoreAsync(scene, connection);
        return connection;
    }

    /// <summary>The body that the document shows, made its own where two would be in each other's way.</summary>
    public static async Task<string?> BodyForAsync(AdminScene scene, ApiDocument.Operation operation) => operation.Id switch
    {
        "end_sessions" or "revoke_grants" => $$"""{ "user": "{{await UserAsync(scene)}}" }""",
        "revoke_token" => $$"""{ "token": "{{(await AccessTokenAsync(scene)).EncodedToken}}" }""",
        "add_server" or "create_initial_access_token" => operation.Example!.Replace("notes", $"seed-{Interlocked.Increment(ref _count)}", StringComparison.Ordinal).Replace("build-team", $"seed-{_count}", StringComparison.Ordinal),
        _ => operation.Example,
    };

    public static async Task<string> ClientAsync(AdminScene scene, bool isWaiting)
    {
        var client = await OAuthClient.RegisterServiceAsync(scene.Server);
        if (isWaiting)
        {
            await using var scope = scene.Server.Services.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Clients.Where(stored => stored.ClientId == client.ClientId)
                .ExecuteUpdateAsync(set => set.SetProperty(stored => EF.Property<DateTimeOffset?>(stored, ClientColumns.AwaitingApprovalSince), scene.Server.Clock.GetUtcNow()));
        }

        return client.ClientId;
    }

    // What emil lets a client have.
    public static async Task<JsonWebToken> AccessTokenAsync(AdminScene scene)
    {
        using var emil = scene.Person("emil");
        return new JsonWebToken((await (await OAuthClient.RegisterPublicAsync(scene.Server)).ConnectAsync(emil)).Text("access_token"));
    }

    // One that nobody answers for, with a tool that waits, and a registration elsewhere.
    public static async Task<string> ServerAsync(AdminScene scene, string name)
    {
        await using var scope = scene.Server.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<ServerActs>().SaveAsync(Operator.OfThisMachine, name, new ServerOrder("http://127.0.0.1:1/mcp") { Review = "new" }, null, CancellationToken.None);
        if (!await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().GatewayTools.AnyAsync(tool => tool.Server == name))
        {
            await StoreAsync(
                scene, new GatewayTool { Server = name, Name = "delete_note", Hash = "3f9a000000000000", FirstHash = "3f9a000000000000" }, new UpstreamRegistration { Server = name, Issuer = "https://issuer.example", ClientId = "us", Document = "nothing" });
        }

        return name;
    }

    public static async Task<string> PolicyVersionAsync(AdminScene scene)
    {
        await using var scope = scene.Server.Services.CreateAsyncScope();
        var applied = await scope.ServiceProvider.GetRequiredService<PolicyActs>().ApplyAsync(Operator.OfThisMachine, "{}"u8.ToArray(), null, CancellationToken.None);
        return applied.Value.Version.Version.ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    public static async Task<string> InitialAccessTokenAsync(AdminScene scene)
    {
        await using var scope = scene.Server.Services.CreateAsyncScope();
        return (await scope.ServiceProvider.GetRequiredService<RegistrationActs>().CreateTokenAsync(Operator.OfThisMachine, $"seed-{Interlocked.Increment(ref _count)}", null, null, CancellationToken.None)).Value!.View.Name;
    }

    public static async Task StoreAsync(AdminScene scene, params object[] rows)
    {
        await using var scope = scene.Server.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        db.AddRange(rows);
        await db.SaveChangesAsync();
    }

    /// <summary>Somebody who has signed in once.</summary>
    public static async Task<string> UserAsync(AdminScene scene, AdminRole? role = null)
    {
        var id = $"seed-{Interlocked.Increment(ref _count)}";
        await using var scope = scene.Server.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        db.Users.Add(new User { Id = id, Provider = "google", ProviderSubject = id, Email = $"{id}@example.com", Name = id, CreatedAt = scene.Server.Clock.GetUtcNow(), LastSignInAt = scene.Server.Clock.GetUtcNow() });
        await db.SaveChangesAsync();
        if (role is { } given)
        {
            await scope.ServiceProvider.GetRequiredService<RoleActs>().GrantAsync(Operator.OfThisMachine, id, given, CancellationToken.None);
        }

        return id;
    }
}
