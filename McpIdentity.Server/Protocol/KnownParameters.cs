using System.Collections.Frozen;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Protocol;

/// <summary>
/// The parameters that each endpoint knows. All others are ignored (RFC 6749 §3.1, §3.2), also those that mean something in
/// another place: <c>audience</c> of RFC 8693, <c>scope</c> beside a code.
/// </summary>
internal static class KnownParameters
{
    /// <summary>Our own parameter of <c>/oauth/authorize</c>: the ticket of the consent page, never part of the client's request.</summary>
    public const string Decision = "decision";

    /// <summary>
    /// Our own too: the person has just been on the sign-in page because of this request. A client that sends it by itself is
    /// told <c>login_required</c> where the person would have been asked.
    /// </summary>
    public const string SignedIn = "signed_in";

    /// <summary>
    /// Our own too: the person has just said that they do not connect their account now. A client that sends it by itself spares
    /// them the question.
    /// </summary>
    public const string AccountLater = "account_later";

    /// <summary>Our own too: the provider was asked for a recent sign-in, and did not say that it is one.</summary>
    public const string SignInTooOld = "sign_in_too_old";

    /// <summary>At a page of the console to which somebody comes back who was to sign in anew.</summary>
    public const string SignedInAnew = "signed_in_anew";

    /// <summary>
    /// Our own too: the id under which the audit keeps what belongs together, on the way from page to page. Nothing is decided by it: a
    /// client that sends one by itself names its own rows so.
    /// </summary>
    public const string Flow = "flow";

    /// <summary>Of the sign-in page: the person chooses, however few providers there are.</summary>
    public const string Again = "again";

    /// <summary>Of the sign-in page: the person means another account than the one that the provider would take by itself.</summary>
    public const string Other = "other";

    /// <summary>
    /// By how many characters our pages make a query longer, with "another account" too: a request that was not too long stays so
    /// on its way back.
    /// </summary>
    public static readonly int OwnLength = $"&{SignedIn}=1&{SignInTooOld}=1&{Parameters.Prompt}={PromptValues.SelectAccount}".Length;

    /// <summary>By how many characters the flow makes a query longer.</summary>
    public static readonly int FlowLength = $"&{Flow}={new string('0', 32)}".Length;

    private static readonly string[] Client =
        [Parameters.ClientId, Parameters.ClientSecret, Parameters.ClientAssertion, Parameters.ClientAssertionType];

    private static readonly string[] AnyGrant = [Parameters.GrantType, .. Client];

    private static readonly FrozenSet<string> AuthorizationCode =
        [.. AnyGrant, Parameters.Code, Parameters.RedirectUri, Parameters.CodeVerifier, Parameters.Resource];

    private static readonly FrozenSet<string> RefreshToken = [.. AnyGrant, Parameters.RefreshToken, Parameters.Scope, Parameters.Resource];

    private static readonly FrozenSet<string> ClientCredentials = [.. AnyGrant, Parameters.Scope, Parameters.Resource];

    /// <summary><c>/oauth/authorize</c>. <c>request</c> and <c>request_uri</c> are known to be refused: OpenID Connect Core §3.1.2.6 has errors for them.</summary>
    public static readonly FrozenSet<string> Authorize =
    [
        Parameters.ClientId, Parameters.ResponseType, Parameters.ResponseMode, Parameters.RedirectUri, Parameters.Scope, Parameters.State,
        Parameters.CodeChallenge, Parameters.CodeChallengeMethod, Parameters.Resource, Parameters.Nonce, Parameters.Prompt, Parameters.MaxAge,
        Parameters.LoginHint, Parameters.IdTokenHint, Parameters.UiLocales, Parameters.Request, Parameters.RequestUri, Decision, SignedIn, SignInTooOld, AccountLater, Flow,
    ];

    /// <summary><c>/oauth/introspect</c> and <c>/oauth/revoke</c>.</summary>
    public static readonly FrozenSet<string> OneToken = [.. Client, Parameters.Token, Parameters.TokenTypeHint];

    /// <summary><c>/oauth/userinfo</c>.</summary>
    public static readonly FrozenSet<string> UserInfo = [Parameters.AccessToken];

    // Names as a form has them, which ASP.NET Core compares without case.
    private static readonly FrozenSet<string> Anywhere = FrozenSet.Create<string>(
        StringComparer.OrdinalIgnoreCase, [.. Authorize, .. AuthorizationCode, .. RefreshToken, .. OneToken, .. UserInfo]);

    /// <summary><c>/oauth/token</c>.</summary>
    /// <returns>Null for a grant that is not served, which is refused as such.</returns>
    public static FrozenSet<string>? Token(string? grantType) => grantType switch
    {
        GrantTypes.AuthorizationCode => AuthorizationCode,
        GrantTypes.RefreshToken => RefreshToken,
        GrantTypes.ClientCredentials => ClientCredentials,
        _ => null,
    };

    /// <summary>Whether any of the endpoints knows the name.</summary>
    public static bool Include(string name) => Anywhere.Contains(name);
}
