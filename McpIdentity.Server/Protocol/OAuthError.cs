using System.Text.Json.Serialization;

namespace McpIdentity.Server.Protocol;

/// <summary>An expected refusal, as RFC 6749 §5.2 writes it. A result: an endpoint returns it.</summary>
/// <param name="Error">The RFC's code.</param>
/// <param name="Description">For the client's developer; never a secret, never a reflection of unchecked input.</param>
internal sealed record OAuthError(string Error, string Description) : IResult
{
    [JsonIgnore]
    public int StatusCode { get; init; } = StatusCodes.Status400BadRequest;

    /// <summary>There is nothing at the address, or it is switched off.</summary>
    public static OAuthError NotFound(string description) => new("not_found", description) { StatusCode = StatusCodes.Status404NotFound };

    public Task ExecuteAsync(HttpContext httpContext)
    {
        if (Problem.IsSpokenAt(httpContext))
        {
            return new Problem(Error, StatusCode, Description).ExecuteAsync(httpContext); // what the server around the admin API refuses, in its words
        }

        httpContext.Response.StatusCode = StatusCode;
        httpContext.Response.Headers.CacheControl = "no-store";
        return httpContext.Response.WriteAsJsonAsync(new Body(Error, Description), ProtocolJson.Default.Body);
    }

    internal sealed record Body(string Error, string ErrorDescription);
}
