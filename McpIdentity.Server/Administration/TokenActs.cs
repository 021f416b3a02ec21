using System.Text.Json;
using System.Text.Json.Nodes;
using McpIdentity.Mcp;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Settings;
using McpIdentity.Server.Tokens;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Server.Administration;

/// <summary>What is known of a token. Nothing of it opens anything: of a JWT the signature is left out, of another one all.</summary>
/// <param name="Kind"><c>access_token</c>, <c>jwt</c> of another issuer, <c>refresh_token</c>, <c>authorization_code</c>, <c>grant</c>, <c>initial_access_token</c>, or <c>token_id</c>.</param>
/// <param name="Problem">Why it is not let in; null: it is, where its audience says.</param>
internal sealed record TokenView(string Kind, string? Problem)
{
    public bool Accepted => Problem is null;

    public string? Subject { get; init; }

    public string? Email { get; init; }

    public string? ClientId { get; init; }

    public string? ClientName { get; init; }

    public IReadOnlyList<string> Audiences { get; init; } = [];

    public IReadOnlyList<string> Scopes { get; init; } = [];

    public DateTimeOffset? IssuedAt { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>The claim <c>jti</c>.</summary>
    public string? TokenId { get; init; }

    public string? GrantId { get; init; }

    public string? SessionId { get; init; }

    /// <summary>The key that its header names.</summary>
    public string? KeyId { get; init; }

    /// <summary>Of a key of ours: <c>next</c>, <c>current</c>, <c>previous</c> or <c>retired</c>.</summary>
    public string? KeyState { get; init; }

    /// <summary>What ended it early: <c>token</c>, <c>grant</c>, <c>session</c>, <c>client</c>, <c>user</c> or <c>all</c>.</summary>
    public string? RevokedBy { get; init; }

    /// <summary>What it is called, of an initial access token.</summary>
    public string? Name { get; init; }

    public JsonNode? Header { get; init; }

    public JsonNode? Claims { get; init; }
}

/// <summary>Looks into tokens that somebody shows, and ends them. A token is neither logged nor stored.</summary>
internal sealed class TokenActs(
    McpIdentityDbContext db, GrantTokens grantTokens, GrantActs grants, SigningKeyStore keyStore, SigningKeyRing ring, RevocationList revoked, Revocations revocations, RegistrationActs registration,
    FrontedServers fronted, ProtectedResources resources, PublicAddress address, IServiceProvider services, OperatorRecord record, IOptions<OAuthServerOptions> options, TimeProvider time)
{
    private const int MaxLength = 16 * 1024;
    private const string AccessToken = "access_token";

    private static readonly AdminProblem Unknown = new(
        "token_not_found", StatusCodes.Status404NotFound, "This is no token that this server knows: neither a JWT, nor a code or a refresh token of its own, nor one of an operator.");

    /// <summary>Says whose a token is, for what, and whether it is good.</summary>
    /// <param name="shown">A JWT, a refresh token, a code, an initial access token; or a grant, by its identifier.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<Outcome<TokenView>> LookUpAsync(string shown, CancellationToken cancellationToken)
    {
        var token = shown.Trim();
        token = token.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? token["Bearer ".Length..].Trim() : token;
        if (token.Length is 0 or > MaxLength)
        {
            return AdminProblem.Invalid(("token", $"It must have 1 to {MaxLength} characters."));
        }

        if (grantTokens.Read(token) is var (id, generation))
        {
            return await OfGrantAsync(id, generation, cancellationToken);
        }

        return Grant.ParseName(token) is { } grant ? await OfGrantAsync(grant, generation: null, cancellationToken)
            : token.StartsWith(InitialAccessTokens.Prefix, StringComparison.Ordinal) ? await OfOperatorAsync(token, cancellationToken)
            : TryRead(token) is { } jwt ? await OfJwtAsync(jwt, cancellationToken)
            : Unknown;
    }

    /// <summary>What is known by the claim <c>jti</c> alone: access tokens are not stored, and what of them was ended is.</summary>
    public Outcome<TokenView> FindById(string tokenId) =>
        !IsOurId(tokenId) ? NoId(tokenId)
        : revoked.IsRevoked(RevocationKind.Token, tokenId) ? new TokenView("token_id", "Token has been revoked") { TokenId = tokenId, RevokedBy = "token" }
        : new TokenView("token_id", null) { TokenId = tokenId };

    /// <summary>Ends what somebody shows. Of a code, a refresh token, or an access token that a person allowed, that is the whole grant, as RFC 7009 §2.1 has it.</summary>
    public async Task<Outcome<TokenView>> RevokeAsync(Operator by, string shown, CancellationToken cancellationToken)
    {
        var (found, unknown) = await LookUpAsync(shown, cancellationToken);
        if (unknown is not null)
        {
            return unknown;
        }

        if (found!.Kind == "jwt")
        {
            return AdminProblem.Conflict("token_of_other_issuer", "It was not signed by a key of this server: who has issued it can revoke it, or their keys can be trusted no more.");
        }

        if (found.Name is { } name)
        {
            var (_, gone) = await registration.RevokeTokenAsync(by, name, cancellationToken);
            return gone is null ? await LookUpAsync(shown, cancellationToken) : gone;
        }

        if (found.GrantId is { } grant && (await grants.RevokeAsync(by, grant, cancellationToken)).Problem is null)
        {
            return await LookUpAsync(shown, cancellationToken);
        }

        // One of client credentials belongs to no grant, and of another the grant may be forgotten.
        if (found is not { TokenId: { } tokenId, ExpiresAt: { } expires })
        {
            return AdminProblem.NotFound("grant", found.GrantId ?? "-");
        }

        await RevokeByIdAsync(by, tokenId, expires);
        return await LookUpAsync(shown, cancellationToken);
    }

    /// <summary>
    /// Ends one access token by its claim <c>jti</c>. Whether there is one of it nobody knows, as they are not stored: the row is kept
    /// until the last that can have it has expired. One that has ended needs no second.
    /// </summary>
    public async Task<Outcome<TokenView>> RevokeByIdAsync(Operator by, string tokenId)
    {
        var known = FindById(tokenId);
        if (known.Problem is not null || known.Value!.RevokedBy is not null)
        {
            return known;
        }

        await RevokeByIdAsync(by, tokenId, time.GetUtcNow() + options.Value.AccessTokenLifetime);
        return FindById(tokenId);
    }

    private async Task RevokeByIdAsync(Operator by, string tokenId, DateTimeOffset expires)
    {
        await revocations.RevokeTokenAsync(tokenId, expires);
        await record.WriteAsync(by, SecurityEvent.Success("token_revoked") with { Reason = $"jti {tokenId}" });
    }

    // As OpenIddict and TokenMint make them.
    private static bool IsOurId(string tokenId) => Guid.TryParseExact(tokenId, "D", out var id) && id.ToString() == tokenId;

    private static AdminProblem NoId(string tokenId) => new(
        "token_not_found", StatusCodes.Status404NotFound, $"{StorableText.ForDisplay(tokenId, McpIdentityDbContext.Lengths.Id)} is no jti of this server, which are UUIDs in small letters. To end a token that you have, show it whole.");

    private async Task<Outcome<TokenView>> OfGrantAsync(byte[] id, int? generation, CancellationToken cancellationToken)
    {
        var kind = generation switch { null => "grant", 0 => "authorization_code", _ => "refresh_token" };
        if (await db.Grants.AsNoTracking().SingleOrDefaultAsync(grant => grant.Id == id, cancellationToken) is not { } row)
        {
            return generation is null ? Unknown : new TokenView(kind, "Its grant has expired and was forgotten") { GrantId = Grant.NameOf(id) };
        }

        var now = time.GetUtcNow();
        var problem = row.RevokedAt is not null ? "Its grant has ended"
            : row.ExpiresAt <= now ? "It has expired"
            : generation is { } number && row.Generation > number ? "It has already been used"
            : null;
        var view = grants.ViewOf(row);
        return await WithNamesAsync(new TokenView(kind, problem)
        {
            Subject = row.UserId,
            ClientId = row.ClientId,
            Audiences = view.Resource is null ? [] : [view.Resource],
            Scopes = view.Scopes,
            IssuedAt = row.RotatedAt,
            ExpiresAt = row.ExpiresAt,
            GrantId = view.Id,
            SessionId = row.SessionId,
            RevokedBy = row.RevokedAt is null ? null : "grant",
        }, cancellationToken);
    }

    private async Task<Outcome<TokenView>> OfOperatorAsync(string token, CancellationToken cancellationToken)
    {
        var id = InitialAccessTokens.HashOf(token);
        return await db.InitialAccessTokens.AsNoTracking().SingleOrDefaultAsync(stored => stored.Id == id, cancellationToken) is { } row && RegistrationActs.ViewOf(row, time.GetUtcNow()) is var view
            ? new TokenView("initial_access_token", view.State == "good" ? null : $"It is {view.State}") { Name = view.Name, IssuedAt = view.CreatedAt, ExpiresAt = view.ExpiresAt, RevokedBy = row.RevokedAt is null ? null : "token" }
            : Unknown;
    }

    private async Task<Outcome<TokenView>> OfJwtAsync(JsonWebToken jwt, CancellationToken cancellationToken)
    {
        var signedHere = await IsSignedHereAsync(jwt);
        var keys = await keyStore.ReadAsync(cancellationToken);
        var key = keys.Find(key => key.Id == jwt.Kid);
        return await WithNamesAsync(new TokenView(signedHere ? AccessToken : "jwt", await ProblemOfAsync(jwt, signedHere, cancellationToken))
        {
            Subject = Text(jwt, JwtRegisteredClaimNames.Sub),
            ClientId = Text(jwt, "client_id"),
            Audiences = [.. jwt.Audiences],
            Scopes = Text(jwt, "scope")?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [],
            IssuedAt = MomentOf(jwt.IssuedAt),
            ExpiresAt = MomentOf(jwt.ValidTo),
            TokenId = Text(jwt, JwtRegisteredClaimNames.Jti),
            GrantId = Text(jwt, "oi_au_id"),
            SessionId = Text(jwt, "sid"),
            KeyId = string.IsNullOrEmpty(jwt.Kid) ? null : jwt.Kid,
            KeyState = key is null ? null : SigningKeyState.WordFor(key, keys, time.GetUtcNow()),
            RevokedBy = signedHere ? RevokedBy(jwt) : null,
            Header = JsonNode.Parse(Base64UrlEncoder.Decode(jwt.EncodedHeader)),
            Claims = JsonNode.Parse(Base64UrlEncoder.Decode(jwt.EncodedPayload)),
        }, cancellationToken);
    }

    // What they would say where it is for. Of a resource elsewhere nobody here can ask: what is ours to know of it.
    private async Task<string?> ProblemOfAsync(JsonWebToken jwt, bool signedHere, CancellationToken cancellationToken)
    {
        if (fronted.All.FirstOrDefault(server => jwt.Audiences.Contains(address.UrlOf(server.Server.Path))) is { } server)
        {
            return await server.FindFlawAsync(jwt.EncodedToken, cancellationToken);
        }

        var isElsewhere = signedHere && jwt.Audiences.Select(resources.Get).Any(resource => resource is not null && resource != resources.Own);
        return !isElsewhere ? await services.FindFlawAsync(jwt.EncodedToken, cancellationToken)
            : jwt.ValidTo <= time.GetUtcNow().UtcDateTime ? "Token has expired"
            : RevokedBy(jwt) is null ? null : "Session not found";
    }

    private async Task<bool> IsSignedHereAsync(JsonWebToken jwt) => jwt.Issuer == address.Issuer && (await new JsonWebTokenHandler().ValidateTokenAsync(jwt, new TokenValidationParameters
    {
        IssuerSigningKeys = ring.SigningKeys,
        ValidateIssuer = false,
        ValidateAudience = false,
        ValidateLifetime = false, // whose it was is asked of one that has expired too
    })).IsValid;

    private string? RevokedBy(JsonWebToken jwt)
    {
        var issued = MomentOf(jwt.IssuedAt) ?? default;
        return revoked.IsRevoked(RevocationKind.Token, Text(jwt, JwtRegisteredClaimNames.Jti)) ? "token"
            : revoked.IsRevoked(RevocationKind.Grant, Text(jwt, "oi_au_id")) ? "grant"
            : revoked.IsRevoked(RevocationKind.Session, Text(jwt, "sid")) ? "session"
            : revoked.IsRevoked(RevocationKind.Client, Text(jwt, "client_id"), issued) ? "client"
            : revoked.IsRevoked(RevocationKind.User, Text(jwt, JwtRegisteredClaimNames.Sub), issued) ? "user"
            : revoked.IsRevoked(RevocationKind.All, "", issued) ? "all"
            : null;
    }

    private async Task<TokenView> WithNamesAsync(TokenView view, CancellationToken cancellationToken)
    {
        var (subject, client) = (StorableText.ForComparison(view.Subject, McpIdentityDbContext.Lengths.Text), StorableText.ForComparison(view.ClientId, McpIdentityDbContext.Lengths.ClientId));
        return view with
        {
            Email = subject is null ? null : await db.Users.Where(user => user.Id == subject).Select(user => user.Email).FirstOrDefaultAsync(cancellationToken),
            ClientName = client is null ? null : await db.Clients.Where(row => row.ClientId == client).Select(row => row.DisplayName).FirstOrDefaultAsync(cancellationToken),
        };
    }

    private static JsonWebToken? TryRead(string token)
    {
        try
        {
            var handler = new JsonWebTokenHandler();
            return handler.CanReadToken(token) && handler.ReadJsonWebToken(token) is { IsEncrypted: false } jwt ? jwt : null;
        }
        catch (Exception exception) when (exception is ArgumentException or JsonException or FormatException)
        {
            return null;
        }
    }

    private static string? Text(JsonWebToken jwt, string claim) => jwt.TryGetPayloadValue<string>(claim, out var text) ? text : null;

    private static DateTimeOffset? MomentOf(DateTime moment) => moment == DateTime.MinValue ? null : new DateTimeOffset(moment, TimeSpan.Zero);
}
