using System.Collections.Frozen;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.WebUtilities;

namespace McpIdentity.Server.Protocol;

/// <summary>
/// The table of addresses. What each needs (page or protocol, CORS, rate limit, https, audit) is said where it is mapped, by
/// its metadata. The addresses of Google's callback (<c>OAuth:CallbackPath</c>) and of the MCP endpoint
/// (<c>Mcp:Path</c>) are settings.
/// </summary>
internal static partial class Paths
{
    /// <summary>Everything below it is the authorization server's.</summary>
    public const string OAuth = "/oauth";

    public const string Authorize = "/oauth/authorize";
    public const string Token = "/oauth/token";
    public const string UserInfo = "/oauth/userinfo";
    public const string Introspect = "/oauth/introspect";
    public const string Revoke = "/oauth/revoke";

    /// <summary>The metadata of MCP servers in other hosts, each by its identifier without the scheme.</summary>
    public const string Resources = "/oauth/resources";

    public const string Register = "/register";

    /// <summary>The registration of set-ups that came before this server; not advertised.</summary>
    public const string OldRegister = "/oauth/register";

    /// <summary>Where providers send the browser back to, followed by the provider's id.</summary>
    public const string Callback = "/oauth/callback";

    /// <summary>The same for set-ups that came before this server.</summary>
    public const string ShortCallback = "/callback";

    /// <summary>What this server is as a client of authorization servers of those behind it, followed by the server's name and <c>.json</c>.</summary>
    public const string ClientDocuments = "/oauth/clients";

    /// <summary>Where such an authorization server sends the browser back to, followed by the server's name.</summary>
    public const string ConnectionCallback = "/oauth/connections/callback";

    // The pages repeat theirs in @page, which takes no constant; a test compares.
    public const string SignIn = "/signin";
    public const string Login = "/login";
    public const string Consent = "/consent";
    public const string Waiting = "/waiting";
    public const string SignOut = "/oauth/signout";
    public const string Error = "/error";
    public const string Account = "/account";
    public const string Apps = "/account/apps";
    public const string DisconnectApp = "/account/apps/disconnect";
    public const string DisconnectApps = "/account/apps/disconnect-all";
    public const string OwnSessions = "/account/sessions";
    public const string SignOutSession = "/account/sessions/sign-out";
    public const string SignOutOthers = "/account/sessions/sign-out-others";
    public const string Profile = "/account/profile";
    public const string Servers = "/account/servers";
    public const string OwnConnections = "/account/connections";
    public const string DisconnectConnection = "/account/connections/disconnect";
    public const string Connections = "/connections";
    public const string Home = "/";
    public const string StyleSheet = "/site.css";

    /// <summary>The operator's own images, each by a name made of its bytes.</summary>
    public const string Images = "/images";

    /// <summary>Below it is the admin API; the address itself is its identifier as a resource.</summary>
    public const string AdminApi = "/api/admin/v1";

    /// <summary>Its metadata (RFC 9728 §3.1).</summary>
    public const string AdminApiMetadata = "/.well-known/oauth-protected-resource" + AdminApi;

    /// <summary>Where whoever has the link of a first start becomes the owner.</summary>
    public const string Setup = "/setup";

    public const string Health = "/health";
    public const string Live = "/health/live";
    public const string Ready = "/health/ready";
    public const string Debug = "/debug";

    /// <summary>Pages for operators, and everything below.</summary>
    public const string Console = "/admin";

    public const string ConsoleScript = "/admin/htmx.js";
    public const string ConsoleStyle = "/admin/console.css";

    public const string WellKnown = "/.well-known";
    public const string KeySet = "/.well-known/jwks.json";

    /// <summary>Metadata in the addresses of older set-ups, redirected.</summary>
    public const string OldMetadata = "/oidc/.well-known/{document}";

    /// <summary>Signs somebody in for <see cref="Account"/>, without an app.</summary>
    public const string OwnAccount = "account";

    /// <summary>
    /// The pages of ours that somebody signs in for without an app, by the name that the sign-in page is given: a closed list, so that
    /// nobody is sent to an address that came from outside.
    /// </summary>
    public static readonly FrozenDictionary<string, string> OwnPages = new Dictionary<string, string> { [OwnAccount] = Account }.ToFrozenDictionary();

    /// <summary>Where an app's request asks its person to connect their own account at a server behind this one.</summary>
    /// <param name="server">Its name.</param>
    /// <param name="request">The protected ticket of the request.</param>
    public static string ConnectFor(string server, string request) => $"{Connections}/{server}?request={request}";

    /// <summary>What somebody signs in for who connects their own account at a server behind this one.</summary>
    /// <param name="server">Its name.</param>
    /// <param name="link">The ticket of the link that led there; null: none.</param>
    public static string SignInNameOf(string server, string? link) => link is null ? $"connections.{server}" : $"connections.{server}.{link}";

    private const string FreshPrefix = "fresh.";
    private const int MaxConsoleQuery = 768; // 1024 characters of Base64url

    /// <summary>What an operator signs in for.</summary>
    /// <param name="page">The page of the console, with what it was asked for.</param>
    /// <param name="fresh">Whether they have to show anew who they are, though they are signed in.</param>
    public static string SignInNameOfConsole(string page, bool fresh)
    {
        var (path, query) = page.Split('?', 2) is [var before, var after] ? (before, after) : (page, "");
        var name = (fresh ? FreshPrefix : "") + path.Trim('/').ToLowerInvariant().Replace('/', '.');
        return query is { Length: > 0 and <= MaxConsoleQuery } && IsPlain(query) ? $"{name}~{WebEncoders.Base64UrlEncode(Encoding.ASCII.GetBytes(query))}" : name;
    }

    /// <summary>Whether somebody signs in for a page that wants it to have been a short while ago.</summary>
    public static bool WantsFreshSignIn(string? name) => name?.StartsWith(FreshPrefix, StringComparison.Ordinal) == true;

    /// <summary>What somebody signs in for who becomes the owner.</summary>
    /// <param name="link">The link that led there, closed.</param>
    public static string SetupNameOf(string link) => $"setup.{link}";

    /// <summary>The page of ours of such a name, or of one of <see cref="OwnPages"/>; null where it is none.</summary>
    public static string? OwnPageOf(string? name) =>
        name is null ? null
        : OwnPages.GetValueOrDefault(name) ?? (ConnectionName().Match(name) is { Success: true, Groups: var part }
            ? $"{Connections}/{part[1].ValueSpan}{(part[2].Success ? $"?link={part[2].ValueSpan}" : "")}"
            : ConsoleName().Match(name) is { Success: true, Groups: var page } ? ConsolePageOf(page[1].Value, page[2].Value)
            : SetupName().Match(name) is { Success: true, Groups: var link } ? $"{Setup}?link={link[1].ValueSpan}"
            : null);

    /// <summary>The sign-in page.</summary>
    /// <param name="request">The protected ticket of an app's request, or the name of a page of ours (<see cref="OwnPageOf"/>).</param>
    public static string SignInFor(string request) => $"{SignIn}?request={request}";

    /// <summary>The same for somebody who could not sign in or has just signed out: it does not go on to the only provider by itself.</summary>
    /// <inheritdoc cref="SignInFor"/>
    public static string SignInAgainFor(string request) => $"{SignInFor(request)}&{KnownParameters.Again}=1";

    /// <summary>The same for somebody who means another account: the provider shows which there are.</summary>
    /// <inheritdoc cref="SignInFor"/>
    public static string SignInAsAnotherFor(string request) => $"{SignInFor(request)}&{KnownParameters.Other}=1";

    /// <summary>Goes back to the app that asked, with an error, because nobody could sign in.</summary>
    /// <param name="ticket">The ticket of the sign-in page.</param>
    /// <param name="error">What the app is told (RFC 6749 §4.1.2.1).</param>
    public static string ReturnFrom(string ticket, string error) => $"{SignInFor(ticket)}&answer={error}";

    /// <summary>Whether another page or endpoint of ours is at this path, or everything below a part of it is ours.</summary>
    public static bool IsTaken(string path) =>
        ((string[])[Health, Debug, Console, Images, AdminApi, ShortCallback, Account, Connections, WellKnown, "/oidc", Register, OldRegister, Resources]).Any(prefix => new PathString(path).StartsWithSegments(prefix)) ||
        ((string[])["", Authorize, Token, UserInfo, Introspect, Revoke, SignIn, Login, Consent, Waiting, SignOut, Setup, Error, StyleSheet])
            .Contains(path.TrimEnd('/'), StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// Where clients look for metadata: the forms of RFC 8414 §3.1 and OpenID Connect Discovery §4, with and without the
    /// resource's path (docs/interoperability.md, "Metadata paths").
    /// </summary>
    /// <param name="mcp">The path of the MCP endpoint, <c>Mcp:Path</c>.</param>
    public static string[] ServerMetadata(string mcp) =>
    [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        $"/.well-known/oauth-authorization-server{mcp}",
        $"/.well-known/openid-configuration{mcp}",
        $"{mcp}/.well-known/openid-configuration",
        $"{mcp}/.well-known/oauth-authorization-server",
    ];

    [GeneratedRegex(@"^setup\.([A-Za-z0-9_-]{1,1024})$")]
    private static partial Regex SetupName();

    [GeneratedRegex(@"^connections\.([a-z0-9_-]{1,63})(?:\.([A-Za-z0-9_-]{1,1024}))?$")]
    private static partial Regex ConnectionName();

    // It was asked for before somebody signed in, and is asked for again: nothing that a link to the page itself could not say.
    private static string ConsolePageOf(string name, string closedQuery)
    {
        var asked = QueryOf(closedQuery);
        return $"/{name.Replace('.', '/')}{(asked.Length > 0 ? "?" : "")}{asked}";
    }

    private static string QueryOf(string closed)
    {
        try
        {
            return Encoding.ASCII.GetString(WebEncoders.Base64UrlDecode(closed)) is var query && IsPlain(query) ? query : "";
        }
        catch (FormatException)
        {
            return "";
        }
    }

    // As it may stand in a header.
    private static bool IsPlain(string query) => query.All(c => c is > ' ' and <= '~');

    [GeneratedRegex(@"^(?:fresh\.)?(admin(?:\.[a-z-]{1,32}){0,3})(?:~([A-Za-z0-9_-]{1,1024}))?$")]
    private static partial Regex ConsoleName();
}
