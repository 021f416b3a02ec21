using McpIdentity.Migrations.Entities;

namespace McpIdentity.Server.Tokens;

/// <summary>The code or refresh token that came with this request; a property of its transaction.</summary>
/// <param name="Grant">The row as it was read.</param>
/// <param name="Generation">Of the token, not of the row.</param>
internal sealed record SpentToken(Grant Grant, int Generation);
