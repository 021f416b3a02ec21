using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Support;

/// <summary>
/// An MCP server of somebody else, with its authorization server and a sign-in page, on loopback: everything that a client meets before anybody signs in is as it should be,
/// until a test says otherwise.
/// </summary>
internal sealed class StandInMcp : IAsyncDisposable
{
    private readonly WebApplication _app;

    private StandInMcp(WebApplication app, string origin) => (_app, Origin) = (app, origin);

    public string Origin { get; }

    public Uri McpUrl => new(Origin + "/mcp");

    /// <summary>What is answered in place of the usual, by path.</summary>
    public Dictionary<string, RequestDelegate> Faults { get; } = [];

    /// <summary>Changes every answer that goes out, as a proxy before it would.</summary>
    public Action<HttpContext>? Proxy { get; set; }

    /// <summary>What of the description of the resource is another; null takes a member away.</summary>
    public Dictionary<string, JsonNode?> Resource { get; } = [];

    /// <summary>The same of the authorization server's metadata.</summary>
    public Dictionary<string, JsonNode?> Server { get; } = [];

    /// <summary>The same of the answer to a registration.</summary>
    public Dictionary<string, JsonNode?> Registration { get; } = [];

    /// <summary>How many registrations there are now.</summary>
    public int Registered { get; private set; }

    /// <param name="certificate">Null: plain http.</param>
    public static async Task<StandInMcp> StartAsync(X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var port = Ports.Next();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.ListenLocalhost(port, listen =>
        {
            if (certificate is not null)
            {
                listen.UseHttps(certificate);
            }
        }));
        var app = builder.Build();
        var host = new StandInMcp(app, $"{(certificate is null ? "http" : "https")}://localhost:{port}");
        app.Run(host.AnswerAsync);
        await app.StartAsync();
        return host;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private Task AnswerAsync(HttpContext context)
    {
        context.Response.OnStarting(() =>
        {
            Proxy?.Invoke(context);
            return Task.CompletedTask;
        });
        return Faults.TryGetValue(context.Request.Path, out var fault) ? fault(context) : AnswerAsUsualAsync(context);
    }

    private Task AnswerAsUsualAsync(HttpContext context)
    {
        var (request, response) = (context.Request, context.Response);
        response.Headers.AccessControlAllowOrigin = "*";
        response.Headers.AccessControlExposeHeaders = "WWW-Authenticate, Retry-After";
        if (request.Method == HttpMethods.Options)
        {
            response.Headers.AccessControlAllowHeaders = "authorization, content-type, mcp-protocol-version";
            response.StatusCode = 204;
            return Task.CompletedTask;
        }

        switch (request.Path.Value)
        {
            case "/mcp":
                response.Headers.WWWAuthenticate = $"Bearer resource_metadata=\"{Origin}/.well-known/oauth-protected-resource/mcp\"";
                return JsonAsync(response, 401, new JsonObject { ["jsonrpc"] = "2.0", ["error"] = new JsonObject { ["code"] = -32001, ["message"] = "Unauthorized" } }, []);
            case "/.well-known/oauth-protected-resource/mcp" or "/.well-known/oauth-protected-resource":
                return JsonAsync(response, 200, new JsonObject { ["resource"] = Origin + "/mcp", ["authorization_servers"] = new JsonArray(Origin) }, Resource);
            case "/.well-known/oauth-authorization-server" or "/.well-known/openid-configuration":
                return JsonAsync(response, 200, new JsonObject
                {
                    ["issuer"] = Origin,
                    ["authorization_endpoint"] = Origin + "/authorize",
                    ["token_endpoint"] = Origin + "/token",
                    ["registration_endpoint"] = Origin + "/register",
                    ["jwks_uri"] = Origin + "/jwks",
                    ["code_challenge_methods_supported"] = new JsonArray("S256"),
                    ["token_endpoint_auth_methods_supported"] = new JsonArray("none"),
                    ["client_id_metadata_document_supported"] = true,
                    ["authorization_response_iss_parameter_supported"] = true,
                }, Server);
            case "/jwks":
                return JsonAsync(response, 200, new JsonObject { ["keys"] = new JsonArray(new JsonObject { ["kty"] = "EC", ["kid"] = "one" }) }, []);
            case "/token":
                return JsonAsync(response, 400, new JsonObject { ["error"] = "invalid_client" }, []);
            case "/authorize":
                response.StatusCode = 400;
                response.ContentType = "text/html";
                return response.WriteAsync("<!doctype html><h1>Not known</h1>");
            case "/signin":
                response.ContentType = "text/html";
                response.Headers.ContentSecurityPolicy = "default-src 'none'; form-action 'self'; frame-ancestors 'none'";
                response.Headers.SetCookie = "__Host-form=x; path=/; secure; httponly; samesite=lax";
                return response.WriteAsync("<!doctype html><h1>Sign in</h1>");
            case "/register":
                Registered++;
                return JsonAsync(response, 201, new JsonObject
                {
                    ["client_id"] = "c",
                    ["token_endpoint_auth_method"] = "none",
                    ["registration_client_uri"] = Origin + "/register/c",
                    ["registration_access_token"] = "t",
                }, Registration);
            case "/register/c" when request.Method == HttpMethods.Delete && request.Headers.Authorization == "Bearer t":
                Registered--;
                response.StatusCode = 204;
                return Task.CompletedTask;
            default:
                return JsonAsync(response, 404, new JsonObject { ["error"] = "not_found" }, []);
        }
    }

    private static Task JsonAsync(HttpResponse response, int status, JsonObject usual, Dictionary<string, JsonNode?> others)
    {
        foreach (var (name, value) in others)
        {
            usual.Remove(name);
            if (value is not null)
            {
                usual[name] = value.DeepClone();
            }
        }

        (response.StatusCode, response.ContentType) = (status, "application/json");
        return response.WriteAsync(usual.ToJsonString());
    }
}
