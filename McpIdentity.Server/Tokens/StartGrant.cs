using McpIdentity.Migrations.Entities;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// Names the grant that a code begins, so that every token of it carries the name. By a version 7 UUID (RFC 9562 §5.7): new rows stand together at the
/// end of each index by it, however many there are. It is no secret: what proves a token is its MAC.
/// </summary>
internal sealed class StartGrant(TimeProvider time) : IOpenIddictServerHandler<ProcessSignInContext>
{
    public ValueTask HandleAsync(ProcessSignInContext context)
    {
        if (context.GenerateAuthorizationCode)
        {
            context.Principal!.SetAuthorizationId(Grant.NameOf(Guid.CreateVersion7(time.GetUtcNow()).ToByteArray(bigEndian: true)));
        }

        return default;
    }
}
