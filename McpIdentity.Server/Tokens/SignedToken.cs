using System.Security.Claims;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Server.Authorization;
using Microsoft.IdentityModel.JsonWebTokens;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// What an access or identity token says whose signature was good. Whoever introspects one does so again and again: its signature is
/// verified once while the same keys are in force. Whether it has expired, was revoked and its session lives is asked every time.
/// </summary>
/// <param name="Principal">As it was read; nobody changes it.</param>
/// <param name="Tools">Those that were left to the client; null: all that its scopes open.</param>
/// <param name="Options">With the keys that were in force: with other keys come other options (<see cref="Keys.SigningKeyRing"/>).</param>
/// <param name="Issuer">By whose name it was judged.</param>
internal sealed record SignedToken(ClaimsPrincipal Principal, IReadOnlyList<string>? Tools, OpenIddictServerOptions Options, Uri? Issuer)
{
    public static SignedToken Read(ValidateTokenContext context)
    {
        // Of a JWT's array IdentityModel makes a claim an element, and of an empty one, which leaves no tool, none at all.
        new JsonWebToken(context.Token).TryGetPayloadValue<string[]>(TokenPrincipal.ToolsClaim, out var tools);
        return new SignedToken(context.Principal!.Clone(), tools, context.Options, context.BaseUri);
    }

    /// <returns>Null where the request brought no such token, or one whose signature was not good.</returns>
    public static SignedToken? Find(OpenIddictServerTransaction transaction) => transaction.GetProperty<SignedToken>(nameof(SignedToken));

    /// <summary>Whether it would be judged so again: by the same keys, and as a token that the endpoint takes.</summary>
    public bool IsGoodFor(ValidateTokenContext context) =>
        ReferenceEquals(Options, context.Options) && Issuer == context.BaseUri &&
        (context.ValidTokenTypes.Count == 0 || context.ValidTokenTypes.Contains(Principal.GetTokenType()!));

    public void AttachTo(ValidateTokenContext context) => context.Transaction.SetProperty(nameof(SignedToken), this);
}

/// <summary>Where a signed token came lately and was good, what it says is known.</summary>
internal sealed class RecallSignedTokens(VerifiedTokens<SignedToken> known) : IOpenIddictServerHandler<ValidateTokenContext>
{
    public ValueTask HandleAsync(ValidateTokenContext context)
    {
        if (known.Find(TokenHash.Compute(context.Token)) is { } token && token.IsGoodFor(context))
        {
            token.AttachTo(context);
            context.Principal = token.Principal.Clone();
        }

        return default;
    }
}

/// <inheritdoc cref="RecallSignedTokens"/>
internal sealed class KeepSignedTokens(VerifiedTokens<SignedToken> known) : IOpenIddictServerHandler<ValidateTokenContext>
{
    public ValueTask HandleAsync(ValidateTokenContext context)
    {
        if (context.Principal is { } principal && principal.GetTokenType() is TokenTypeIdentifiers.AccessToken or TokenTypeIdentifiers.IdentityToken && SignedToken.Find(context.Transaction) is null)
        {
            var token = SignedToken.Read(context);
            token.AttachTo(context);
            known.Add(TokenHash.Compute(context.Token), token, principal.GetExpirationDate());
        }

        return default;
    }
}
