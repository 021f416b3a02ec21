namespace McpIdentity.Server.Authorization;

/// <summary>What a person chose on the consent page; never more than it showed.</summary>
/// <param name="Scopes">Of those that were asked for; none is a refusal.</param>
/// <param name="Tools">The tools that are left to the client; null: all that its scopes open, those of tomorrow too.</param>
/// <param name="StaysConnected">Whether the client is given a refresh token, and the choice is remembered.</param>
internal sealed record ConsentChoice(IReadOnlyList<string> Scopes, IReadOnlyList<string>? Tools, bool StaysConnected)
{
    public static readonly ConsentChoice Nothing = new([], null, StaysConnected: false);
}
