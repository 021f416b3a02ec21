using McpIdentity.Server.Clients.Statements;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Clients;

/// <summary>The client configuration endpoint (RFC 7592 §2): a client reads, replaces and deletes what it registered.</summary>
internal static class ClientConfigurationEndpoint
{
    public static async Task<Results<JsonHttpResult<ClientInformation>, NoContent, OAuthError>> AnswerAsync(
        string clientId, HttpRequest request, ClientConfiguration configuration, SoftwareStatements statements, IOptions<OAuthServerOptions> options,
        IHostEnvironment environment, CancellationToken cancellationToken)
    {
        if (BearerToken.Of(request) is not { } token || await configuration.FindAsync(clientId, token, cancellationToken) is not { } client)
        {
            // §2.1: of a client that is gone it is the same 401, and its token went with it.
            return BearerToken.Refuse(request, "This address needs the registration access token of its client (RFC 7592 §2).");
        }

        if (await configuration.IsDisabledAsync(client, cancellationToken))
        {
            // §2.1: 403 for a client that may not. Deleting itself would undo what the operator decided.
            return new OAuthError(Errors.AccessDenied, "The operator of this server has disabled this client.") { StatusCode = StatusCodes.Status403Forbidden };
        }

        try
        {
            return request.Method switch
            {
                "PUT" => await ReplaceAsync(request, client, token, configuration, statements, options.Value.Registration, environment, cancellationToken),
                "DELETE" => await DeleteAsync(client, configuration),
                _ => Json(request, await configuration.ReadAsync(client, token, cancellationToken)),
            };
        }
        catch (OpenIddictExceptions.ConcurrencyException)
        {
            return new OAuthError(Errors.TemporarilyUnavailable, "The registration was changed by another request at the same moment. Read it, and try again.")
            {
                StatusCode = StatusCodes.Status409Conflict,
            };
        }
    }

    private static async Task<Results<JsonHttpResult<ClientInformation>, NoContent, OAuthError>> ReplaceAsync(
        HttpRequest request, OpenIddictEntityFrameworkCoreApplication client, string token, ClientConfiguration configuration, SoftwareStatements statements,
        RegistrationOptions policy, IHostEnvironment environment, CancellationToken cancellationToken)
    {
        var (update, problem) = await RegistrationBody.ReadAsync(request, ClientsJson.Default.ClientUpdate, cancellationToken);
        if (update is null)
        {
            return problem!;
        }

        if (await configuration.IsWaitingAsync(client, cancellationToken))
        {
            // What an operator looks at must not change under their eyes.
            return new OAuthError(Errors.AccessDenied, "This client waits for the approval of an operator; it may be deleted meanwhile, not changed.") { StatusCode = StatusCodes.Status403Forbidden };
        }

        var (statement, unfit) = await statements.ApplyAsync(update, SoftwareStatement.In(client.Properties), cancellationToken);
        var refusal = await CheckIdentityAsync(update, client, configuration, cancellationToken) ?? unfit ??
            ClientMetadataRules.Check(update, policy, policy.AllowClientCredentials ?? !environment.IsProduction()) ??
            (InitialAccessTokens.NameIn(client.Properties) is null && statement is not { Vouches: true } ? AllowedRedirectHosts.Check(update, policy) : null);
        return refusal is not null ? refusal : Json(request, await configuration.ReplaceAsync(client, update, statement, token, cancellationToken));
    }

    // RFC 7592 §2.2.
    private static async Task<OAuthError?> CheckIdentityAsync(
        ClientUpdate update, OpenIddictEntityFrameworkCoreApplication client, ClientConfiguration configuration, CancellationToken cancellationToken)
    {
        if (update.Forbidden is { } member)
        {
            return RegistrationErrors.InvalidClientMetadata($"An update must not hold {member} (RFC 7592 §2.2).");
        }

        if (update.ClientId != client.ClientId)
        {
            return RegistrationErrors.InvalidClientMetadata("client_id must be the one that is registered here (RFC 7592 §2.2).");
        }

        return update.ClientSecret is { } secret && !await configuration.IsSecretAsync(client, secret, cancellationToken)
            ? RegistrationErrors.InvalidClientMetadata("client_secret must be the one that this server made, or be left out (RFC 7592 §2.2).")
            : null;
    }

    private static async Task<Results<JsonHttpResult<ClientInformation>, NoContent, OAuthError>> DeleteAsync(
        OpenIddictEntityFrameworkCoreApplication client, ClientConfiguration configuration)
    {
        await configuration.DeleteAsync(client);
        return TypedResults.NoContent();
    }

    private static JsonHttpResult<ClientInformation> Json(HttpRequest request, ClientInformation client)
    {
        request.HttpContext.Response.Headers.CacheControl = "no-store";
        return TypedResults.Json(client, ClientsJson.Default.ClientInformation);
    }
}
