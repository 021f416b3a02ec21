using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using McpIdentity.Persistence;
using McpIdentity.Persistence.Entities;
using McpIdentity.Server.Authorization;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Sessions;

/// <summary>
/// Keeps sign-in sessions on the server; the browser holds an opaque secret, whose hash is stored. Ended here, a copied
/// cookie is worth nothing.
/// </summary>
internal sealed class SignInSessionStore(
    IServiceScopeFactory scopes, TimeProvider time, IOptions<OAuthServerOptions> options, IHttpContextAccessor http) : ITicketStore
{
    public async Task<string> StoreAsync(AuthenticationTicket ticket)
    {
        var cookie = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));
        var now = time.GetUtcNow();
        var device = http.HttpContext?.Request.Headers.UserAgent.ToString();
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        var id = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(16));
        ticket.Properties.SetString(JwtRegisteredClaimNames.Sid, id); // for the security log, which hears of the sign-in next
        db.SignInSessions.Add(new SignInSession
        {
            Id = id,
            CookieHash = Hash(cookie),
            UserId = ticket.Principal.FindFirstValue(Claims.Subject)!,
            CreatedAt = now,
            ExpiresAt = now + options.Value.LoginSessionLifetime,
            DeviceHint = device is { Length: > 200 } ? device[..200] : device,
        });
        await db.SaveChangesAsync();
        return cookie;
    }

    public async Task<AuthenticationTicket?> RetrieveAsync(string key)
    {
        var hash = Hash(key);
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        var session = await db.SignInSessions.AsNoTracking().Include(s => s.User).SingleOrDefaultAsync(s => s.CookieHash == hash);
        if (session is not { User: { } user } || session.ExpiresAt <= time.GetUtcNow())
        {
            return null;
        }

        var properties = new AuthenticationProperties { IssuedUtc = session.CreatedAt, ExpiresUtc = session.ExpiresAt };
        return new AuthenticationTicket(SignedInPerson.ToPrincipal(session, user), properties, SessionsSetup.Scheme);
    }

    // A session has a fixed end; nothing in its row changes with use.
    public Task RenewAsync(string key, AuthenticationTicket ticket) => Task.CompletedTask;

    public async Task RemoveAsync(string key)
    {
        var hash = Hash(key);
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        await db.SignInSessions.Where(session => session.CookieHash == hash).ExecuteDeleteAsync();
    }

    private static string Hash(string cookie) => Convert.ToHexString(SHA256.HashData(Encoding.ASCII.GetBytes(cookie)));
}
