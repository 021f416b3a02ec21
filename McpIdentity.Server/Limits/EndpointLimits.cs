using System.Text;
using McpIdentity.Mcp.Audit;
using McpIdentity.Mcp.Limits;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Clients.Assertions;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using McpIdentity.Server.Tokens;
using Microsoft.Extensions.Options;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Limits;

/// <summary>
/// The limits of the authorization server's endpoints and pages (SEED-060), each with a bucket of its own: what a person
/// clicks must not use up what their clients refresh with. Metadata, keys and health are in none. An address is counted before
/// anything is read; where the form says who asks, that is counted when it was read, and who is over the limit of an address is
/// refused unread.
/// </summary>
internal sealed class EndpointLimits(RateLimiter limiter, GrantTokens tokens, IOptions<McpHostOptions> options)
{
    /// <summary>Of these only what is refused counts: one back end asks for all of its people, and the admin API counts its callers by name.</summary>
    private static readonly string[] RefusalsOnly = ["userinfo", "admin API"];

    // Who invents identifiers, or has many grants, gets no further than this many times the limit of one.
    private const int IdentitiesOfPeer = 10;
    private const int MaxClientIdLength = SignedClientIds.MaxLength;

    private readonly McpHostOptions.RateLimitingSection _options = options.Value.RateLimiting;

    /// <summary>Before the body is read.</summary>
    public async Task BeforeReadingAsync(HttpContext context, Func<Task> next)
    {
        if (!limiter.IsOn || context.GetAddress() is not { Bucket: { } bucket })
        {
            await next();
            return;
        }

        var about = new SecurityEvent { Method = context.Request.Path.Value };
        var cap = CapOf(context, bucket);
        var seconds = IsByForm(bucket) || RefusalsOnly.Contains(bucket) ? limiter.Recall(context, about, cap) : await limiter.CheckAsync(context, about, ByPeer(context, bucket));
        if (seconds is not null)
        {
            await RefuseAsync(context, seconds.Value);
            return;
        }

        await next();
        // A form that could not be read, or a refused token: answered already, so the next one is refused.
        if (RefusalsOnly.Contains(bucket) ? context.Response.StatusCode >= StatusCodes.Status400BadRequest : IsByForm(bucket) && context.Features.Get<Counted>() is null)
        {
            await limiter.CountAsync(cap);
        }
    }

    /// <summary>When the form was read and found sound.</summary>
    public async Task AfterReadingAsync(HttpContext context, Func<Task> next)
    {
        if (limiter.IsOn && context.GetAddress() is { Bucket: { } bucket } && IsByForm(bucket))
        {
            context.Features.Set(new Counted());
            var about = new SecurityEvent { Method = context.Request.Path.Value, ClientId = ClientIdOf(context.Request) };
            if (await limiter.CheckAsync(context, about, OfForm(context, bucket, about.ClientId), CapOf(context, bucket)) is { } seconds)
            {
                await RefuseAsync(context, seconds);
                return;
            }
        }

        await next();
    }

    private static bool IsByForm(string bucket) => bucket is "token" or "revoke" or "introspect";

    private RateLimit ByPeer(HttpContext context, string bucket) =>
        limiter.OfPeer(context, bucket, bucket == RegistrationEndpoint.Bucket ? _options.RegistrationMaxRequests : _options.AuthEndpointMaxRequests);

    // In force whatever the form says: somebody's own token must not take them out of it.
    private RateLimit CapOf(HttpContext context, string bucket) => limiter.OfPeer(context, $"{bucket} of one address", _options.AuthEndpointMaxRequests * IdentitiesOfPeer);

    // Hosted clients send the requests of all their people from a few addresses (docs/rate-limiting.md). A code or refresh token
    // that we wrote names its grant, and nobody can invent one. A client_id is anybody's word: counted together with the address, so
    // that nobody locks a client out by its name.
    private RateLimit OfForm(HttpContext context, string bucket, string? clientId) =>
        GrantOf(context.Request, bucket) is { } grant ? new RateLimit(bucket, RateKeys.ForName("grant", grant), _options.AuthEndpointMaxRequests)
        : clientId is not null ? new RateLimit(bucket, RateKeys.ForName("client", $"{clientId} {RateKeys.OfPeer(context)}"), limiter.MaxOfPeer(context, _options.AuthEndpointMaxRequests))
        : ByPeer(context, bucket);

    // Of the one token that this request is about: another beside it says nothing.
    private string? GrantOf(HttpRequest request, string bucket)
    {
        var parameter = bucket != "token" ? Parameters.Token : FormOf(request)?[Parameters.GrantType].ToString() switch
        {
            GrantTypes.AuthorizationCode => Parameters.Code,
            GrantTypes.RefreshToken => Parameters.RefreshToken,
            _ => null,
        };
        return parameter is not null && FormOf(request)?[parameter].ToString() is { Length: > 0 } token && tokens.Read(token) is var (id, _) ? Grant.NameOf(id) : null;
    }

    private static string? ClientIdOf(HttpRequest request)
    {
        var id = FormOf(request)?[Parameters.ClientId].ToString() is { Length: > 0 } inForm ? inForm
            : BasicUserOf(request) ?? NameClientByAssertion.ClaimedBy(FormOf(request)?[Parameters.ClientAssertion].ToString()) ?? request.Query[Parameters.ClientId].ToString();
        return id.Length is > 0 and <= MaxClientIdLength && id.All(c => char.IsAscii(c) && !char.IsControl(c) && c != ' ') ? id : null;
    }

    // ProtocolRequests has read the form and found it sound.
    private static IFormCollection? FormOf(HttpRequest request) =>
        HttpMethods.IsPost(request.Method) && request.HasFormContentType && request.HttpContext.Features.Get<Microsoft.AspNetCore.Http.Features.IFormFeature>()?.Form is { } form
            ? form
            : null;

    private static string? BasicUserOf(HttpRequest request)
    {
        var header = request.Headers.Authorization.ToString();
        var bytes = new byte[header.Length];
        return header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase) && Convert.TryFromBase64String(header[6..].Trim(), bytes, out var length)
            ? Uri.UnescapeDataString(Encoding.UTF8.GetString(bytes, 0, length).Split(':')[0])
            : null;
    }

    private static Task RefuseAsync(HttpContext context, int seconds)
    {
        // A browser says that it wants a page; a program that asks at the same address reads JSON.
        if (context.IsForPeople() && context.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase))
        {
            context.Features.Set(PersonError.TooManyRequests(seconds));
            context.Response.StatusCode = StatusCodes.Status429TooManyRequests;
            return Task.CompletedTask;
        }

        return new OAuthError(Errors.TemporarilyUnavailable, $"Too many requests; try again in {seconds} s.")
        {
            StatusCode = StatusCodes.Status429TooManyRequests,
        }.ExecuteAsync(context);
    }

    // Says that the request is in a count.
    private sealed class Counted;
}
