using System.Security.Cryptography;
using System.Text;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.Tokens;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Federation;

/// <summary>
/// The <c>state</c> that a provider sees is a handle of 43 characters: what stands behind it grows with the app's own request,
/// and providers take 4,000 characters or fewer. It is kept in the database, where every node finds it. That a state is used
/// once, and in the browser that asked, is still decided by the library whose state it is.
/// </summary>
internal sealed class UpstreamStates(McpIdentityDbContext db, TimeProvider time)
{
    private const int HandleLength = 43;

    // Longer than the state itself is good for, 10 minutes, so that who comes late is led on; no longer, because anybody makes them.
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(30);

    /// <returns>The handle to send instead.</returns>
    public async Task<string> KeepAsync(string state, SignInRequest request, CancellationToken cancellationToken)
    {
        var handle = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));
        db.UpstreamStates.Add(new UpstreamState { Id = IdOf(handle), State = state, Request = request.Write(), ExpiresAt = time.GetUtcNow() + Lifetime });
        await db.SaveChangesAsync(cancellationToken);
        return handle;
    }

    /// <summary>Before the library reads the callback: gives it the state back, and says which request the sign-in is for.</summary>
    public async Task RestoreAsync(HttpContext context)
    {
        if (context.Request.Query[Parameters.State].ToString() is not { Length: HandleLength } handle)
        {
            return;
        }

        var (id, now) = (IdOf(handle), time.GetUtcNow());
        if (await db.UpstreamStates.AsNoTracking().SingleOrDefaultAsync(state => state.Id == id && state.ExpiresAt > now, context.RequestAborted) is { } kept)
        {
            var query = QueryHelpers.ParseQuery(context.Request.QueryString.Value);
            query[Parameters.State] = kept.State;
            context.Request.QueryString = QueryString.Create(query);
            var request = SignInRequest.Read(kept.Request);
            context.Features.Set(request);
            context.Features.Set(request.Facts);
            PageLanguage.Speak(context, request.Language);
        }
    }

    // Who reads the database learns no handle.
    private static string IdOf(string handle) => Base64UrlEncoder.Encode(SHA256.HashData(Encoding.UTF8.GetBytes(handle)));
}

internal static class UpstreamStatesSetup
{
    /// <summary>At the callbacks, before authentication, in which Google's handler answers.</summary>
    public static void UseUpstreamStates(this WebApplication app) =>
        app.UseWhen(context => context.GetAddress() is { TakesUpstreamState: true }, callback => callback.Use(async (context, next) =>
        {
            await context.RequestServices.GetRequiredService<UpstreamStates>().RestoreAsync(context);
            await next(context);
        }));
}
