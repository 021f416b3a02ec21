using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Clients;

/// <summary>The codes of RFC 7591 §3.2.2, and only those.</summary>
internal static class RegistrationErrors
{
    public static OAuthError InvalidRedirectUri(string why) => new("invalid_redirect_uri", why);

    public static OAuthError InvalidClientMetadata(string why) => new("invalid_client_metadata", why);

    public static OAuthError InvalidSoftwareStatement(string why) => new("invalid_software_statement", why);

    public static OAuthError UnapprovedSoftwareStatement(string why) => new("unapproved_software_statement", why);
}
