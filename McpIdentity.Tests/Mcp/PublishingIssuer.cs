using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Mcp;

/// <summary>A token issuer on loopback that publishes its keys, changes them, fails, and counts who asks.</summary>
internal sealed class PublishingIssuer(WebApplication app) : IAsyncDisposable
{
    public string Url { get; private set; } = "";

    public string Name { get; set; } = "";

    public AsymmetricSecurityKey[] Keys { get; set; } = [];

    public string[] Scopes { get; set; } = [];

    public bool IsDown { get; set; }

    public int JwksFetches { get; private set; }

    public int EvilFetches { get; private set; }

    public static async Task<PublishingIssuer> StartAsync(params AsymmetricSecurityKey[] keys)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrel().UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var issuer = new PublishingIssuer(app) { Keys = keys };
        app.Run(issuer.AnswerAsync);
        await app.StartAsync();
        issuer.Url = issuer.Name = app.Urls.First();
        return issuer;
    }

    public static Dictionary<string, object> Jwk(AsymmetricSecurityKey key)
    {
        var jwk = key is RsaSecurityKey rsa ? JsonWebKeyConverter.ConvertFromRSASecurityKey(rsa) : JsonWebKeyConverter.ConvertFromECDsaSecurityKey((ECDsaSecurityKey)key);
        return key is RsaSecurityKey
            ? new() { ["kty"] = "RSA", ["kid"] = jwk.Kid, ["n"] = jwk.N, ["e"] = jwk.E }
            : new() { ["kty"] = "EC", ["kid"] = jwk.Kid, ["crv"] = jwk.Crv, ["x"] = jwk.X, ["y"] = jwk.Y };
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        if (IsDown)
        {
            context.Response.StatusCode = (int)HttpStatusCode.ServiceUnavailable;
            return;
        }

        object? answer = context.Request.Path.Value switch
        {
            "/.well-known/openid-configuration" => new { issuer = Name, jwks_uri = Url + "/jwks", scopes_supported = Scopes },
            "/jwks" => new { keys = Keys.Select(Jwk) },
            _ => null,
        };
        JwksFetches += context.Request.Path == "/jwks" ? 1 : 0;
        EvilFetches += context.Request.Path == "/evil" ? 1 : 0;
        context.Response.StatusCode = answer is null ? 404 : 200;
        await context.Response.WriteAsync(JsonSerializer.Serialize(answer));
    }
}
