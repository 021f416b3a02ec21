using McpIdentity.Server.Protocol;
using OpenIddict.Server;

namespace McpIdentity.Server.Tokens;

/// <summary>The addresses at which OpenIddict answers by itself, before an endpoint is reached: they stand here to say what they need.</summary>
internal static class TokenEndpoints
{
    public static void MapTokenEndpoints(this WebApplication app)
    {
        app.Map(Paths.Token, NotFound).WithAddress(new AddressAttribute(Reader.Programs, "POST")
        {
            LetsThrough = "GET",
            Cors = true,
            Bucket = "token",
            TakesForms = true,
            OpenIddict = OpenIddictServerEndpointType.Token,
        });
        // RFC 7662 §2.1: by POST alone; a token in a query stays in logs.
        app.Map(Paths.Introspect, NotFound).WithAddress(new AddressAttribute(Reader.Programs, "POST")
        {
            Cors = true,
            Bucket = "introspect",
            TakesForms = true,
            OpenIddict = OpenIddictServerEndpointType.Introspection,
        });
        app.Map(Paths.Revoke, NotFound).WithAddress(new AddressAttribute(Reader.Programs, "POST")
        {
            LetsThrough = "GET",
            Cors = true,
            Bucket = "revoke",
            TakesForms = true,
            OpenIddict = OpenIddictServerEndpointType.Revocation,
        });
        // A bucket of refusals alone: one back end asks for all of its people.
        app.Map(Paths.UserInfo, NotFound).WithAddress(new AddressAttribute(Reader.Programs, "GET POST")
        {
            Cors = true,
            Bucket = "userinfo",
            TakesForms = true,
            OpenIddict = OpenIddictServerEndpointType.UserInfo,
        });
        // Guesses beside them count too.
        app.Map(Paths.OAuth + "/{**rest}", NotFound).WithAddress(new AddressAttribute(Reader.Anyone, AddressAttribute.AnyMethod) { Bucket = "oauth" });
    }

    private static UnknownAddress NotFound() => UnknownAddress.Answer;
}
