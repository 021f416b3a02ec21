using System.Text.Json;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Administration;

/// <summary>A token with which clients may be registered (RFC 7591 §3). The token itself is known to nobody but whom it was given to.</summary>
/// <param name="Name">Whom it is for.</param>
/// <param name="State"><c>good</c>, <c>expired</c>, <c>used up</c> or <c>revoked</c>.</param>
/// <param name="Uses">How many clients it has registered.</param>
/// <param name="MaxUses">How many clients it may register; null: any number.</param>
/// <param name="CreatedAt">Since when.</param>
/// <param name="ExpiresAt">From when on it registers nothing more.</param>
/// <param name="LastUsedAt">When it last did.</param>
[ChangesByUse("uses", "last_used_at")]
internal sealed record InitialAccessTokenView(string Name, string State, int Uses, int? MaxUses, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? LastUsedAt);

/// <summary>One that was just made, with the token, which is shown this once.</summary>
internal sealed record CreatedInitialAccessToken(string Token, InitialAccessTokenView View);

/// <summary>Who may register clients, as it is in force.</summary>
internal sealed record RegistrationPolicyView(
    string Policy, IReadOnlyList<string> AllowedRedirectHosts, IReadOnlyList<string> AllowedRedirectUriSchemes, int MaxRedirectUris, bool ClientCredentials, TimeSpan UnusedClientTtl, int MaxUnusedClients,
    bool SignedClientIds, IReadOnlyList<string> SoftwareStatementIssuers, bool ConfiguredToken, bool ClientDocuments);

/// <summary>What would become of a registration.</summary>
/// <param name="Registered">Whether it would be.</param>
/// <param name="Rule">What refuses it: <c>policy</c>, <c>initial_access_token</c>, <c>metadata</c>, <c>software_statement</c>, <c>redirect_hosts</c>.</param>
/// <param name="Error">The code that the client would be told (RFC 7591 §3.2.2).</param>
/// <param name="Description">In words.</param>
/// <param name="AwaitsApproval">Whether an operator would have to let it in.</param>
/// <param name="Client">What would be registered, without identifier and secret.</param>
internal sealed record RegistrationTrial(bool Registered, string? Rule, string? Error, string? Description, bool AwaitsApproval, JsonElement? Client);

/// <summary>Who may register clients, and by which tokens.</summary>
internal sealed class RegistrationActs(
    McpIdentityDbContext db, RegistrationJudge judge, ClientRegistrar registrar, IOptions<OAuthServerOptions> oauth, IHostEnvironment environment, OperatorRecord record, TimeProvider time)
{
    private const string Kind = "initial_access_token";

    /// <summary>The tokens that were made, by name.</summary>
    public async Task<AdminPage<InitialAccessTokenView>> ListTokensAsync(Slice slice, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        return slice.OfSorted((await db.InitialAccessTokens.AsNoTracking().ToListAsync(cancellationToken)).Select(token => ViewOf(token, now)), token => token.Name);
    }

    /// <summary>One of them.</summary>
    public async Task<Outcome<InitialAccessTokenView>> FindTokenAsync(string name, CancellationToken cancellationToken) =>
        StorableText.ForComparison(name, McpIdentityDbContext.Lengths.Name) is { } known && await db.InitialAccessTokens.AsNoTracking().SingleOrDefaultAsync(token => token.Name == known, cancellationToken) is { } token
            ? ViewOf(token, time.GetUtcNow())
            : AdminProblem.NotFound(Kind, name);

    /// <summary>Makes a token, of which a hash is kept.</summary>
    /// <param name="by">Who does.</param>
    /// <param name="name">Whom it is for, in their words. No two have the same, ever: clients are listed with it.</param>
    /// <param name="lifetime">After which time it registers nothing more; null: never.</param>
    /// <param name="maxUses">How many clients it may register; null: any number.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<Outcome<CreatedInitialAccessToken>> CreateTokenAsync(Operator by, string name, TimeSpan? lifetime, int? maxUses, CancellationToken cancellationToken)
    {
        name = name.Trim();
        if (StorableText.ForComparison(name, McpIdentityDbContext.Lengths.Name) is null || name == InitialAccessTokens.Configured)
        {
            return AdminProblem.Invalid(("name", $"It must have 1 to {McpIdentityDbContext.Lengths.Name} characters, and '{InitialAccessTokens.Configured}' is that of the token in the settings."));
        }

        if (lifetime <= TimeSpan.Zero || lifetime > Durations.Longest)
        {
            return AdminProblem.Invalid(("expires", "It must be a time from now on, ten years at most."));
        }

        if (maxUses < 1)
        {
            return AdminProblem.Invalid(("max_uses", "It must be 1 or more."));
        }

        var (token, now) = (InitialAccessTokens.Generate(), time.GetUtcNow());
        var row = new InitialAccessToken { Id = InitialAccessTokens.HashOf(token), Name = name, CreatedAt = now, ExpiresAt = now + lifetime, MaxUses = maxUses };
        var taken = AdminProblem.Conflict("initial_access_token_exists", $"There is or was a token {name}; clients that it registered are listed with that name. Choose another.");
        if (await db.InitialAccessTokens.AnyAsync(stored => stored.Name == name, cancellationToken))
        {
            return taken;
        }

        db.InitialAccessTokens.Add(row);
        try
        {
            await db.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException) when (!cancellationToken.IsCancellationRequested)
        {
            db.ChangeTracker.Clear();
            if (await db.InitialAccessTokens.AnyAsync(stored => stored.Name == name, cancellationToken))
            {
                return taken; // another was a moment earlier
            }

            throw;
        }

        // Before anybody has it.
        await record.WriteAsync(by, SecurityEvent.Success("initial_access_token_created") with { Reason = name });
        return new CreatedInitialAccessToken(token, ViewOf(row, now));
    }

    /// <summary>Ends a token. What it has registered stays.</summary>
    public async Task<Outcome<InitialAccessTokenView>> RevokeTokenAsync(Operator by, string name, CancellationToken cancellationToken)
    {
        name = name.Trim();
        var now = time.GetUtcNow();
        var revoked = StorableText.ForComparison(name, McpIdentityDbContext.Lengths.Name) is null ? 0 : await db.WriteAsync(
            () => db.InitialAccessTokens.Where(token => token.Name == name && token.RevokedAt == null).ExecuteUpdateAsync(set => set.SetProperty(token => token.RevokedAt, now), cancellationToken),
            cancellationToken);
        if (revoked == 0)
        {
            return new AdminProblem($"{Kind}_not_found", StatusCodes.Status404NotFound, $"There is no token {name} that could be revoked.");
        }

        await record.WriteAsync(by, SecurityEvent.Success("initial_access_token_revoked") with { Reason = name });
        return await FindTokenAsync(name, cancellationToken);
    }

    /// <summary>Who may register clients.</summary>
    public RegistrationPolicyView Policy()
    {
        var said = oauth.Value.Registration;
        return new RegistrationPolicyView(
            said.PolicyInForce().ToString().ToLowerInvariant(), [.. said.AllowedRedirectHosts], [.. said.AllowedRedirectUriSchemes], said.MaxRedirectUris, said.AllowClientCredentials ?? !environment.IsProduction(),
            said.UnusedClientTtl, said.MaxUnusedClients, said.SignedClientIds, [.. said.SoftwareStatements.Select(issuer => issuer.Issuer).OfType<string>()], said.InitialAccessToken is { Length: > 0 },
            oauth.Value.TakesClientDocuments());
    }

    /// <summary>Judges what a client would send to <c>/register</c>, and registers nothing.</summary>
    /// <param name="metadata">The body of the request (RFC 7591 §2).</param>
    /// <param name="hasToken">As if it came with a good initial access token.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<RegistrationTrial> TryAsync(JsonElement metadata, bool hasToken, CancellationToken cancellationToken)
    {
        var policy = oauth.Value.Registration.PolicyInForce();
        if (policy == RegistrationPolicy.Off)
        {
            return new RegistrationTrial(false, "policy", "not_found", "Clients are registered by the operator of this server (OAuth:Registration:Policy is Off).", false, null);
        }

        ClientMetadata? read = null;
        try
        {
            read = metadata.ValueKind == JsonValueKind.Object ? metadata.Deserialize(ClientsJson.Default.ClientMetadata) : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Said below; the second is half of a surrogate pair.
        }

        if (read is null)
        {
            return new RegistrationTrial(false, "metadata", "invalid_client_metadata", "It must be a JSON object with the members of RFC 7591, each of its type and none twice.", false, null);
        }

        var (statement, refusal, rule) = await judge.JudgeAsync(read, hasToken, cancellationToken);
        if (refusal is not null)
        {
            return new RegistrationTrial(false, rule, refusal.Error, refusal.Description, false, null);
        }

        var client = registrar.Describe(read, "", time.GetUtcNow().ToUnixTimeSeconds());
        client.ClientSecret = null;
        var waits = policy == RegistrationPolicy.Approval && !hasToken && statement is not { Vouches: true };
        return new RegistrationTrial(true, null, null, null, waits, JsonSerializer.SerializeToElement(client, ClientsJson.Default.ClientInformation));
    }

    /// <summary>What a row says.</summary>
    public static InitialAccessTokenView ViewOf(InitialAccessToken token, DateTimeOffset now) => new(
        token.Name, StateOf(token, now), token.Uses, token.MaxUses, token.CreatedAt, token.ExpiresAt, token.LastUsedAt);

    private static string StateOf(InitialAccessToken token, DateTimeOffset now) => token switch
    {
        { RevokedAt: not null } => "revoked",
        _ when token.ExpiresAt <= now => "expired",
        _ when token.Uses >= token.MaxUses => "used up",
        _ => "good",
    };
}
