using System.Security.Cryptography;
using McpIdentity.Migrations.Entities;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>Names the grant that a code begins, so that every token of it carries the name.</summary>
internal sealed class StartGrant : IOpenIddictServerHandler<ProcessSignInContext>
{
    public ValueTask HandleAsync(ProcessSignInContext context)
    {
        if (context.GenerateAuthorizationCode)
        {
            context.Principal!.SetAuthorizationId(Grant.NameOf(RandomNumberGenerator.GetBytes(Grant.IdSize)));
        }

        return default;
    }
}
