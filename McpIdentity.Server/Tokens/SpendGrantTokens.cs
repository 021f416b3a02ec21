using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Audit;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// Spends the code or refresh token once everything else of the request is known to be right, before anything is signed:
/// the one write of a refresh.
/// </summary>
internal sealed class SpendGrantTokens(Grants grants, SecurityLog log) : IOpenIddictServerHandler<ProcessSignInContext>
{
    public static OpenIddictServerHandlerDescriptor Descriptor { get; } =
        OpenIddictServerHandlerDescriptor.CreateBuilder<ProcessSignInContext>()
            .UseScopedHandler<SpendGrantTokens>()
            .SetOrder(RedeemTokenEntry.Descriptor.Order - 500)
            .Build();

    public async ValueTask HandleAsync(ProcessSignInContext context)
    {
        if (context.EndpointType != OpenIddictServerEndpointType.Token ||
            context.Transaction.GetProperty<SpentToken>(nameof(SpentToken)) is not var (grant, generation) ||
            grants.MayRepeat(grant, generation) ||
            await grants.SpendAsync(grant, generation))
        {
            return;
        }

        // Another request was faster. Within the grace of a refresh both get the same answer; else this one came second.
        var now = await grants.FindAsync(grant.Id, context.CancellationToken);
        if (now is not { RevokedAt: null })
        {
            context.Reject(Errors.InvalidGrant, "The grant has ended."); // Signed out or revoked meanwhile, which is no theft.
            return;
        }

        if (grants.MayRepeat(now, generation))
        {
            return;
        }

        await grants.RevokeAsync(grant.Id);
        log.WriteReuse(context, grant, generation);
        context.Reject(Errors.InvalidGrant, "The token has already been used.");
    }
}
