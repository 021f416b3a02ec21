using McpIdentity.Migrations.Entities;
using OpenIddict.Server;

namespace McpIdentity.Server.Tokens;

/// <summary>The code or refresh token that came with a request. <see cref="ReadGrantTokens"/> attaches it to the request's transaction.</summary>
/// <param name="Grant">The row as it was read.</param>
/// <param name="Generation">Of the token, not of the row: where it is lower, the token has been spent before.</param>
internal sealed record PresentedToken(Grant Grant, int Generation)
{
    /// <summary>
    /// The token is newer than its row. Its MAC says that we issued it, so the database has lost what came after: it was restored
    /// from a backup, or a standby that was behind was promoted (docs/backup.md, "Backup and restore").
    /// </summary>
    public bool IsAheadOfRow => Generation > Grant.Generation;

    /// <returns>Null where the request brought neither a code nor a refresh token.</returns>
    public static PresentedToken? Find(OpenIddictServerTransaction transaction) => transaction.GetProperty<PresentedToken>(nameof(PresentedToken));

    public void AttachTo(OpenIddictServerTransaction transaction) => transaction.SetProperty(nameof(PresentedToken), this);
}
