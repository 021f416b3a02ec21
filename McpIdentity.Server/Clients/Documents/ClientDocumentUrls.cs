namespace McpIdentity.Server.Clients.Documents;

/// <summary>Which client ids are the URL of a document (draft-ietf-oauth-client-id-metadata-document, section 3).</summary>
internal static class ClientDocumentUrls
{
    private const string Scheme = "https://";

    /// <summary>Whether a client means a document by its id. What we or an operator chose as an id never begins so.</summary>
    public static bool IsMeant(string? clientId) => clientId?.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) == true;

    /// <summary>
    /// The URL, when it is written in the one form that there is of it: https, with a path, without fragment, user information and dot
    /// segments, and the host in lower case as it is looked up, without the root's dot. A host that is disguised as a number is none of these.
    /// </summary>
    public static Uri? Read(string clientId) =>
        clientId.Length <= RedirectUris.MaxLength && Uri.TryCreate(clientId, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttps &&
        url is { UserInfo: "", Fragment: "" } && url.AbsoluteUri == clientId && url.IdnHost == url.Host && !url.Host.EndsWith('.') && HasPath(clientId)
            ? url
            : null;

    // Uri says that there is one where nobody wrote it, and then AbsoluteUri differs; an empty fragment or query is seen in the text alone.
    private static bool HasPath(string clientId) =>
        !clientId.Contains('#', StringComparison.Ordinal) && !clientId.EndsWith('?') && clientId.IndexOf('/', Scheme.Length) > 0;
}
