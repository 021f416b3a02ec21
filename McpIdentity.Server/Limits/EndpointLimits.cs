using System.Text;
using McpIdentity.Mcp.Audit;
using McpIdentity.Mcp.Limits;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using McpIdentity.Server.Tokens;
using Microsoft.Extensions.Options;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Limits;

/// <summary>
/// The limits of the authorization server's endpoints and pages (SEED-060), each with a bucket of its own: what a person
/// clicks must not use up what their clients refresh with. Metadata, keys and health are in none.
/// </summary>
internal sealed class EndpointLimits(RateLimiter limiter, GrantTokens tokens, IOptions<McpHostOptions> options)
{
    // Who invents identifiers gets no further than this many times the limit of one.
    private const int IdentitiesOfPeer = 10;
    private const int MaxClientIdLength = 200;

    private readonly McpHostOptions.RateLimitingSection _options = options.Value.RateLimiting;

    public async Task InvokeAsync(HttpContext context, Func<Task> next)
    {
        if (!limiter.IsOn || context.GetAddress() is not { Bucket: { } bucket })
        {
            await next();
            return;
        }

        var about = new SecurityEvent { Method = context.Request.Path.Value, ClientId = ClientIdOf(context.Request) };
        if (await limiter.CheckAsync(context, about, LimitsOf(context, bucket, about.ClientId)) is { } seconds)
        {
            await RefuseAsync(context, seconds);
            return;
        }

        await next();
    }

    private RateLimit[] LimitsOf(HttpContext context, string bucket, string? clientId)
    {
        var peer = RateKeys.OfPeer(context);
        if (bucket == RegistrationEndpoint.Bucket)
        {
            return [new RateLimit(bucket, peer, _options.RegistrationMaxRequests)];
        }

        var max = _options.AuthEndpointMaxRequests;
        // Hosted clients send the requests of all their people from a few addresses (docs/rate-limiting.md). A code or refresh token
        // that we wrote names its grant, and nobody can invent one.
        if (GrantOf(context.Request) is { } grant)
        {
            return [new RateLimit(bucket, RateKeys.ForName("grant", grant), max)];
        }

        // A client_id is anybody's word: counted together with the address, so that nobody locks a client out by its name.
        return bucket is "token" or "revoke" or "introspect" && clientId is not null
            ? [new RateLimit(bucket, RateKeys.ForName("client", $"{clientId} {peer}"), max), new RateLimit($"{bucket} of all clients", peer, max * IdentitiesOfPeer)]
            : [new RateLimit(bucket, peer, max)];
    }

    private string? GrantOf(HttpRequest request)
    {
        // ProtocolRequests has read the form and found it sound.
        if (FormOf(request) is not { } form)
        {
            return null;
        }

        foreach (var parameter in (ReadOnlySpan<string>)[Parameters.RefreshToken, Parameters.Code, Parameters.Token])
        {
            if (form[parameter].ToString() is { Length: > 0 } token && tokens.Read(token) is var (id, _))
            {
                return Grant.NameOf(id);
            }
        }

        return null;
    }

    private static string? ClientIdOf(HttpRequest request)
    {
        var id = FormOf(request)?[Parameters.ClientId].ToString() is { Length: > 0 } inForm ? inForm : BasicUserOf(request) ?? request.Query[Parameters.ClientId].ToString();
        return id.Length is > 0 and <= MaxClientIdLength && id.All(c => char.IsAscii(c) && !char.IsControl(c) && c != ' ') ? id : null;
    }

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
}
