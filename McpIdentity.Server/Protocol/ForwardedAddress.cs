namespace McpIdentity.Server.Protocol;

/// <summary>What a known proxy says that the server was called by.</summary>
internal sealed record ForwardedAddress(string Issuer, Uri BaseUri)
{
    /// <param name="baseUrl">As configured; one that is no URL stops the start with the list of all problems, not here.</param>
    public static ForwardedAddress Named(string? baseUrl) =>
        new(baseUrl!, Uri.TryCreate(baseUrl + "/", UriKind.Absolute, out var uri) ? uri : new Uri("http://invalid/"));

    /// <returns>Null when it is no address that a browser could open.</returns>
    public static ForwardedAddress? FromRequest(HttpRequest request) =>
        request.Scheme is "http" or "https" &&
        Uri.TryCreate($"{request.Scheme}://{request.Host}/", UriKind.Absolute, out var uri) && uri is { AbsolutePath: "/", UserInfo: "" }
            ? new ForwardedAddress(uri.GetLeftPart(UriPartial.Authority), uri)
            : null;
}
