namespace McpIdentity.Server.Protocol;

/// <summary>What can go wrong while a body is read, through no fault of ours.</summary>
internal static class RequestBodies
{
    /// <summary>
    /// Whether the client sent something that is no body: cut short, not HTTP, too large. Kestrel reports a chunk size
    /// beyond 64 bits as an overflow, not as a bad request.
    /// </summary>
    public static bool IsUnreadable(Exception exception) =>
        exception is BadHttpRequestException or IOException or InvalidDataException or OverflowException;

    /// <summary>The refusal of such a body.</summary>
    public static OAuthError Refuse(Exception exception, string error) => new(error, "The request body cannot be read: it is cut short, malformed or too large.")
    {
        StatusCode = exception is BadHttpRequestException bad ? bad.StatusCode : StatusCodes.Status400BadRequest,
    };
}
