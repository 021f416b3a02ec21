using System.Text.Json;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Clients;

/// <summary>Dynamic client registration (RFC 7591).</summary>
internal static class RegistrationEndpoint
{
    /// <summary>Its rate limit, which has a maximum of its own.</summary>
    public const string Bucket = "register";

    private const int MaxBodyBytes = 64 * 1024;

    public static void MapRegistrationEndpoint(this WebApplication app)
    {
        var address = new AddressAttribute(Reader.Programs, "POST") { Cors = true, Bucket = Bucket };
        var isOn = app.Services.GetRequiredService<IOptions<OAuthServerOptions>>().Value.Registration.Enabled;
        foreach (var path in (string[])[Paths.Register, Paths.OldRegister])
        {
            var endpoint = isOn ? app.Map(path, RegisterAsync).AddEndpointFilter<RouteHandlerBuilder, RecordRegistration>() : app.Map(path, IsOff);
            endpoint.WithAddress(address);
        }
    }

    private static OAuthError IsOff() => new("not_found", "Clients are registered by the operator of this server.") { StatusCode = StatusCodes.Status404NotFound };

    private static async Task<Results<JsonHttpResult<ClientInformation>, OAuthError>> RegisterAsync(
        HttpRequest request, ClientRegistrar registrar, IOptions<OAuthServerOptions> options, IHostEnvironment environment,
        CancellationToken cancellationToken)
    {
        if (InitialAccessToken.Check(request, options.Value.Registration) is { } refusal)
        {
            return refusal;
        }

        var (metadata, problem) = await ReadAsync(request, cancellationToken);
        if (metadata is null)
        {
            return problem!;
        }

        var policy = options.Value.Registration;
        if (ClientMetadataRules.Check(metadata, policy, policy.AllowClientCredentials ?? !environment.IsProduction()) is { } error)
        {
            return error;
        }

        var client = await registrar.RegisterAsync(metadata, cancellationToken);
        request.HttpContext.Response.Headers.CacheControl = "no-store";
        return TypedResults.Json(client, ClientsJson.Default.ClientInformation, statusCode: StatusCodes.Status201Created);
    }

    private static async Task<(ClientMetadata?, OAuthError?)> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (!request.HasJsonContentType())
        {
            return (null, RegistrationErrors.InvalidClientMetadata("The Content-Type must be application/json."));
        }

        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = MaxBodyBytes;
        }

        try
        {
            var metadata = await JsonSerializer.DeserializeAsync(request.Body, ClientsJson.Default.ClientMetadata, cancellationToken);
            return metadata is null ? (null, NotAnObject) : (metadata, null);
        }
        catch (JsonException)
        {
            return (null, NotAnObject);
        }
        catch (Exception exception) when (RequestBodies.IsUnreadable(exception))
        {
            return (null, RequestBodies.Refuse(exception, "invalid_client_metadata"));
        }
    }

    private static OAuthError NotAnObject => RegistrationErrors.InvalidClientMetadata(
        "The request body must be a JSON object with the members of RFC 7591, each of its type and none twice.");
}
