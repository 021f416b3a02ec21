using McpIdentity.Migrations.Entities;
using OpenIddict.Server;

namespace McpIdentity.Server.Tokens;

/// <summary>The code or refresh token that came with a request. <see cref="ReadGrantTokens"/> attaches it to the request's transaction.</summary>
/// <param name="Grant">The row as it was read, or as it is taken to be (<see cref="Grants.FindToSpendAsync"/>).</param>
/// <param name="Generation">Of the token, not of the row: where it is lower, the token has been spent before.</param>
internal sealed record PresentedToken(Grant Grant, int Generation)
{
    /// <returns>Null where the request brought neither a code nor a refresh token.</returns>
    public static PresentedToken? Find(OpenIddictServerTransaction transaction) => transaction.GetProperty<PresentedToken>(nameof(PresentedToken));

    public void AttachTo(OpenIddictServerTransaction transaction) => transaction.SetProperty(nameof(PresentedToken), this);
}
