using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Http.Features;

namespace McpIdentity.Server.Clients;

/// <summary>The JSON that a client sends about itself, read within bounds.</summary>
internal static class RegistrationBody
{
    private const int MaxBytes = 64 * 1024;

    private static OAuthError NotAnObject => RegistrationErrors.InvalidClientMetadata(
        "The request body must be a JSON object with the members of RFC 7591, each of its type and none twice.");

    /// <returns>What was sent, or why it cannot be read.</returns>
    public static async Task<(T?, OAuthError?)> ReadAsync<T>(HttpRequest request, JsonTypeInfo<T> type, CancellationToken cancellationToken)
        where T : class
    {
        if (!request.HasJsonContentType())
        {
            return (null, RegistrationErrors.InvalidClientMetadata("The Content-Type must be application/json."));
        }

        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = MaxBytes;
        }

        try
        {
            var sent = await JsonSerializer.DeserializeAsync(request.Body, type, cancellationToken);
            return sent is null ? (null, NotAnObject) : (sent, null);
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
}
