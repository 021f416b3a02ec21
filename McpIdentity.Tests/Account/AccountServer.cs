using McpIdentity.Migrations;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Sessions;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Account;

/// <summary>What the tests of the account do again and again: read a page of it, look into the database, put a session there.</summary>
internal static class AccountServer
{
    public const string Firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";

    /// <summary>What the page says, with single spaces.</summary>
    public static string Text(this BrowserPage page) => string.Join(' ', page.Document!.Body!.TextContent.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    /// <summary>What it says of the act that was just done.</summary>
    public static string? Status(this BrowserPage page) => page.Document!.QuerySelector("[role=status] p")?.TextContent.Trim();

    /// <summary>The names in the list, in order.</summary>
    public static string[] Names(this BrowserPage page) => [.. page.Document!.QuerySelectorAll(".list h2").Select(name => name.TextContent.Trim())];

    /// <summary>Opens the link of an entry's button.</summary>
    public static Task<BrowserPage> FollowAsync(this NoScriptBrowser browser, BrowserPage page, string link) =>
        browser.GetAsync(page.Document!.QuerySelectorAll("a").First(a => a.TextContent.Trim() == link).GetAttribute("href")!);

    /// <summary>Somebody else's session, or one of theirs on another device, as a sign-in writes it.</summary>
    public static Task AddSessionAsync(this TestServer server, string userId, string id, DateTimeOffset seen, string? deviceHint = null)
    {
        var now = server.Clock.GetUtcNow();
        return server.Services.GetRequiredService<ISessionStorage>().AddAsync(new()
        {
            Id = id,
            UserId = userId,
            Provider = "demo",
            CreatedAt = seen,
            LastSeenAt = seen,
            SignedInUntil = now.AddHours(8),
            KeptUntil = now.AddHours(8),
            DeviceHint = deviceHint,
            Network = "198.51.100.0/24",
            ProtectedTokens = new UpstreamTokens(null, null, null).Protect(server.Services.GetRequiredService<EncryptionKeys>()),
        }, default);
    }

    public static async Task<T> DatabaseAsync<T>(this TestServer server, Func<McpIdentityDbContext, Task<T>> read)
    {
        await using var scope = server.Services.CreateAsyncScope();
        return await read(scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>());
    }

    public static Task<string> UserIdAsync(this TestServer server, string username = "alice") =>
        server.DatabaseAsync(db => db.Users.Where(user => user.ProviderSubject == username).Select(user => user.Id).SingleAsync());

    public static string Sid(this System.Text.Json.JsonElement tokens) => new JsonWebToken(tokens.Text("access_token")).GetClaim("sid").Value;
}
