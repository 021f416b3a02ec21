using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// The addresses at which OpenIddict answers by itself, before an endpoint is reached: they stand here to say what they need.
/// A GET is let through to it: it says in the words of RFC 6749 §5.2 what is wrong.
/// </summary>
internal static class TokenEndpoints
{
    public static void MapTokenEndpoints(this WebApplication app)
    {
        app.MapForOpenIddict(Paths.Token, bucket: "token");
        app.MapForOpenIddict(Paths.Introspect, bucket: "introspect");
        app.MapForOpenIddict(Paths.Revoke, bucket: "revoke");
        // Costs no more than a call of the MCP endpoint, and one back end asks for all of its people.
        app.MapForOpenIddict(Paths.UserInfo, bucket: null);
    }

    private static void MapForOpenIddict(this WebApplication app, string path, string? bucket) =>
        app.Map(path, () => new OAuthError("not_found", $"The address is {path}.") { StatusCode = StatusCodes.Status404NotFound })
            .WithAddress(new AddressAttribute(Reader.Programs, "GET POST") { Cors = true, Bucket = bucket, TakesForms = true });
}
