using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Clients.Statements;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Clients;

/// <summary>Dynamic client registration (RFC 7591), and the addresses at which a client looks after what it registered (RFC 7592).</summary>
internal static class RegistrationEndpoint
{
    /// <summary>Its rate limit, which has a maximum of its own.</summary>
    public const string Bucket = "register";

    public static void MapRegistrationEndpoint(this WebApplication app)
    {
        app.Services.GetRequiredService<SoftwareStatements>(); // reads the files that the settings name now, and not with the first client
        var address = new AddressAttribute(Reader.Programs, "POST") { Cors = true, Bucket = Bucket };
        var isOn = app.Services.GetRequiredService<IOptions<OAuthServerOptions>>().Value.Registration.PolicyInForce() != RegistrationPolicy.Off;
        var record = new RecordRegistration(app.Services.GetRequiredService<SecurityLog>()); // by its type alone, what makes it would be compiled at each start
        foreach (var path in (string[])[Paths.Register, Paths.OldRegister])
        {
            var endpoint = isOn ? app.Map(path, RegisterAsync).AddEndpointFilter(record) : app.Map(path, IsOff);
            endpoint.WithAddress(address);
            var configuration = isOn ? app.Map($"{path}/{{clientId}}", ClientConfigurationEndpoint.AnswerAsync).AddEndpointFilter(record) : app.Map($"{path}/{{clientId}}", IsOff);
            configuration.WithAddress(new AddressAttribute(Reader.Programs, "GET PUT DELETE") { Cors = true, Bucket = Bucket });
        }
    }

    private static OAuthError IsOff() => OAuthError.NotFound("Clients are registered by the operator of this server.");

    private static async Task<Results<JsonHttpResult<ClientInformation>, OAuthError>> RegisterAsync(
        HttpRequest request, ClientRegistrar registrar, InitialAccessTokens tokens, RegistrationJudge judge, CancellationToken cancellationToken)
    {
        var (token, refusal) = await tokens.FindAsync(request, cancellationToken);
        if (refusal is not null)
        {
            return refusal;
        }

        var (metadata, problem) = await RegistrationBody.ReadAsync(request, ClientsJson.Default.ClientMetadata, cancellationToken);
        if (metadata is null)
        {
            return problem!;
        }

        var (statement, refused, rule) = await judge.JudgeAsync(metadata, token is not null, cancellationToken);
        if (refused is not null)
        {
            return rule == RegistrationJudge.NeedsToken ? BearerToken.Refuse(request, refused.Description) : refused;
        }

        if (await registrar.RegisterAsync(metadata, token, statement, cancellationToken) is not { } client)
        {
            return InitialAccessTokens.Refuse(request); // its last use was another's
        }

        request.HttpContext.Response.Headers.CacheControl = "no-store";
        return TypedResults.Json(client, ClientsJson.Default.ClientInformation, statusCode: StatusCodes.Status201Created);
    }
}
