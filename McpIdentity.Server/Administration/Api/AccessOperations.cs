using System.ComponentModel.DataAnnotations;

namespace McpIdentity.Server.Administration.Api;

/// <summary>Whose sessions end.</summary>
/// <param name="User">The identifier, e-mail address or name.</param>
internal sealed record EndSessions([property: StringLength(400, MinimumLength = 1)] string User) : IAdminBody<EndSessions>
{
    public static EndSessions Example => new("anna@example.com");
}

/// <summary>Which grants end: those that all of these are true of. One at least.</summary>
/// <param name="User">Whose: the identifier, e-mail address or name.</param>
/// <param name="Client">To which client: client_id or name.</param>
/// <param name="Resource">For which MCP server: the audience of its tokens.</param>
internal sealed record RevokeGrants(string? User = null, string? Client = null, string? Resource = null) : IAdminBody<RevokeGrants>
{
    public static RevokeGrants Example => new(User: "anna@example.com");
}

/// <summary>How many have ended.</summary>
/// <param name="Count">That many.</param>
internal sealed record Ended(int Count);

/// <summary>A token that somebody shows. It is neither logged nor kept.</summary>
/// <param name="Token">A JWT, a refresh token, a code, an initial access token; or the identifier of a grant.</param>
internal sealed record ShownToken([property: StringLength(16 * 1024, MinimumLength = 1)] string Token) : IAdminBody<ShownToken>
{
    public static ShownToken Example => new("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl");
}

/// <summary>A token to test with.</summary>
/// <param name="Subject">The claim sub.</param>
/// <param name="Client">The claim client_id.</param>
/// <param name="Scope">Scopes, separated by spaces.</param>
/// <param name="Kind">oauth: an access token of this server; jwt: signed with Jwt:Secret. Absent: what the MCP endpoint accepts.</param>
/// <param name="Email">The claim email.</param>
/// <param name="Resource">The claim aud; absent: what the MCP endpoint expects.</param>
/// <param name="Ttl">How long it lives: 90s, 5m, 1h. Absent: an hour, or OAuth:AccessTokenLifetime where that is shorter.</param>
internal sealed record MintToken(
    [property: StringLength(400, MinimumLength = 1)] string Subject, [property: StringLength(400, MinimumLength = 1)] string Client = "token-mint", string Scope = "mcp mcp:call",
    [property: AllowedValues("oauth", "jwt", null)] string? Kind = null, string? Email = null, string? Resource = null, string? Ttl = null) : IAdminBody<MintToken>
{
    public static MintToken Example => new("anna", Ttl: "5m");
}

/// <summary>A token that was made. It is shown this once.</summary>
/// <param name="Token">The token.</param>
/// <param name="Kind">oauth or jwt.</param>
/// <param name="ExpiresIn">How long it lives, in seconds.</param>
internal sealed record TokenShown(string Token, string Kind, long ExpiresIn);

/// <summary>Who has access at this moment, and how it ends: sessions, grants, tokens, and people's accounts at servers behind this one.</summary>
internal static class AccessOperations
{
    private static readonly AdminParameter User = AdminParameter.Text("user", "Whose: the identifier, e-mail address or name.");
    private static readonly AdminParameter Client = AdminParameter.Text("client", "Of which client: client_id or name.");

    public static void Add(AdminApi api)
    {
        Sessions(api);
        Grants(api);
        Tokens(api);
        api.List<ConnectionView>("/connections", "list_connections", AdminRight.ReadPeople, "Lists the accounts that people have connected at servers behind this one.",
            call => call.Get<ConnectionActs>().ListAsync(call.Text("user"), call.Text("server"), call.Slice, call.Cancelled), User, AdminParameter.Text("server", "At which server: its name."));
        api.Remove("/connections/{server_name}/{user_id}", "remove_connection", AdminRight.EndAccess, "Deletes a person's account at a server. They are asked to connect it anew.",
            async call => (await call.Get<ConnectionActs>().RemoveAsync(call.By, call["user_id"], call["server_name"], call.Cancelled)).Problem);
    }

    private static void Sessions(AdminApi api)
    {
        api.List<SessionView>("/sessions", "list_sessions", AdminRight.ReadPeople, "Lists the sign-in sessions that live, the newest first.",
            call => call.Get<SessionActs>().ListAsync(new SessionFilter(call.Text("user"), call.Text("client")), call.Slice, call.Cancelled), User, Client);
        api.Get<SessionView>("/sessions/{session_id}", "get_session", AdminRight.ReadPeople, "One session that lives.", call => call.Get<SessionActs>().FindAsync(call["session_id"], call.Cancelled));
        api.Remove("/sessions/{session_id}", "end_session", AdminRight.EndAccess, "Ends a session and everything granted from it, on all nodes within a second.",
            async call => (await call.Get<SessionActs>().EndAsync(call.By, call["session_id"], call.Cancelled)).Problem);
        api.Act<EndSessions, Ended>("/sessions/end-all", "end_sessions", AdminRight.EndAccess, "Ends all sessions of a person and everything they granted. They may sign in again.",
            async (call, body) => CountOf(await call.Get<SessionActs>().EndAllOfAsync(call.By, body.User, call.Cancelled)));
    }

    private static void Grants(AdminApi api)
    {
        api.List<GrantView>("/grants", "list_grants", AdminRight.ReadPeople, "Lists what people have granted to clients and is good, the newest first.",
            call => call.Get<GrantActs>().ListAsync(new GrantFilter(call.Text("user"), call.Text("client"), call.Text("resource")), call.Slice, call.Cancelled),
            User, Client, AdminParameter.Text("resource", "For which MCP server: the audience of its tokens."));
        api.Get<GrantView>("/grants/{grant_id}", "get_grant", AdminRight.ReadPeople, "One grant that is good.", call => call.Get<GrantActs>().FindAsync(call["grant_id"], call.Cancelled));
        api.Remove("/grants/{grant_id}", "revoke_grant", AdminRight.EndAccess, "Ends a grant: its code or refresh token, its access tokens, and the consent that it came from.",
            async call => (await call.Get<GrantActs>().RevokeAsync(call.By, call["grant_id"], call.Cancelled)).Problem);
        api.Act<RevokeGrants, Ended>("/grants/revoke-all", "revoke_grants", AdminRight.EndAccess, "Ends all grants of a person, to a client, for an MCP server, or of what is common to them.",
            async (call, body) => CountOf(await call.Get<GrantActs>().RevokeAllAsync(call.By, new GrantFilter(body.User, body.Client, body.Resource), call.Cancelled)));
    }

    private static void Tokens(AdminApi api)
    {
        api.Ask<ShownToken, TokenView>("/tokens/look-up", "look_up_token", AdminRight.ReadPeople, "Says whose a token is, for what, and whether it is good.", (call, body) => call.Get<TokenActs>().LookUpAsync(body.Token, call.Cancelled));
        api.Act<ShownToken, TokenView>("/tokens/revoke", "revoke_token", AdminRight.EndAccess, "Ends a token that somebody shows, and with it the grant that it belongs to (RFC 7009 §2.1).", (call, body) => call.Get<TokenActs>().RevokeAsync(call.By, body.Token, call.Cancelled));
        api.Get<TokenView>("/tokens/{token_id}", "get_token", AdminRight.ReadPeople, "What is known of an access token by its jti: whether it was ended. Access tokens are not stored.", call => Task.FromResult(call.Get<TokenActs>().FindById(call["token_id"])));
        api.Remove("/tokens/{token_id}", "revoke_token_by_id", AdminRight.EndAccess, "Ends one access token by its jti.", async call => (await call.Get<TokenActs>().RevokeByIdAsync(call.By, call["token_id"])).Problem);
        api.Act<MintToken, TokenShown>("/tokens/mint", "mint_token", AdminRight.WriteKeys, "Makes a token to test with, in Development. Elsewhere the command line does, on the machine.", async (call, body) =>
        {
            var (minted, problem) = await call.Get<TokenMinting>().MintAsync(
                call.By, new MintRequest(body.Kind, body.Subject, body.Email, body.Client, body.Scope.Split(' ', StringSplitOptions.RemoveEmptyEntries), body.Resource, body.Ttl, IKnow: false));
            return problem is null ? new TokenShown(minted!.Token, minted.Kind, (long)minted.Lifetime.TotalSeconds) : problem;
        });
    }

    private static Outcome<Ended> CountOf(Outcome<int> count) => count.Problem is { } problem ? problem : new Ended(count.Value);
}
