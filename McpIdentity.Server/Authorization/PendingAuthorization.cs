using System.Text.Json.Serialization;
using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.WebUtilities;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Authorization;

/// <summary>A validated authorization request on its way through our pages.</summary>
/// <param name="Query">Its query string, to come back to <c>/oauth/authorize</c> with.</param>
/// <param name="ClientId">Who asks.</param>
/// <param name="ClientName">The name that the client gave itself, or the operator gave it.</param>
/// <param name="IsNamedByOperator">The name is one to rely on: it stands in <c>OAuth:StaticClients</c>.</param>
/// <param name="VerifiedHost">Whose document describes the client, read from there by us; null for a client that is registered.</param>
/// <param name="Approval">When the person is asked.</param>
/// <param name="RedirectUri">Where the answer will be sent.</param>
/// <param name="Scopes">What is asked for, space-separated.</param>
/// <param name="Resource">At which resource.</param>
/// <param name="LoginHint">The request's <c>login_hint</c>.</param>
internal sealed record PendingAuthorization(
    string Query, string ClientId, string ClientName, bool IsNamedByOperator, string? VerifiedHost, Approval Approval, string RedirectUri, string Scopes,
    string Resource, string? LoginHint)
{
    /// <summary>
    /// The request as it was asked, <c>prompt</c> and all: a page that is out of date goes on with it, and everything is decided anew.
    /// </summary>
    public string Asked { get; init; } = Query;

    /// <summary>The page was made a short time ago: what it says can still be decided on.</summary>
    [JsonIgnore]
    public bool IsFresh { get; init; } = true;

    /// <summary>The client registered itself, and no operator has let it in yet.</summary>
    [JsonIgnore]
    public bool AwaitsApproval { get; init; }

    /// <summary>
    /// The client is given refresh tokens, whether or not it asks for <c>offline_access</c> (<c>IssueRefreshTokens</c>). Null in a ticket of the
    /// release before, which did not say it.
    /// </summary>
    public bool? MayRefresh { get; init; }

    /// <summary>What the consent page decided, on its way through a page after it; null where nobody was asked.</summary>
    public string? Decision { get; init; }

    /// <summary>What the client asks of the sign-in at the provider.</summary>
    public string? SignInPrompt { get; init; }

    /// <summary>The request's <c>max_age</c>, where it made the person sign in.</summary>
    public long? MaxAge { get; init; }

    /// <summary>The id of the authorization, as the request carries it (<see cref="StartFlow"/>).</summary>
    [JsonIgnore]
    public string? Flow => QueryHelpers.ParseQuery(Query).TryGetValue(KnownParameters.Flow, out var flow) ? flow.ToString() : null;

    /// <summary>What every event of its pages says.</summary>
    [JsonIgnore]
    public RequestFacts Facts => new() { ClientId = ClientId, Resource = Resource, Flow = Flow };

    /// <summary>The request's <c>ui_locales</c>: the languages that the person prefers, the best first (OpenID Connect Core §3.1.2.1).</summary>
    [JsonIgnore]
    public IEnumerable<string> Languages =>
        QueryHelpers.ParseQuery(Query).TryGetValue(Parameters.UiLocales, out var locales) ? locales.ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries) : [];

    /// <summary>The request of somebody who says that they are not who is signed in: it asks which account, and expects nobody.</summary>
    public string QueryForAnotherAccount()
    {
        var parameters = QueryHelpers.ParseQuery(Query);
        parameters.Remove(Parameters.LoginHint);
        parameters[Parameters.Prompt] = parameters.TryGetValue(Parameters.Prompt, out var prompt) && prompt.ToString() is { Length: > 0 } asked
            ? $"{asked} {PromptValues.SelectAccount}"
            : PromptValues.SelectAccount;
        return QueryString.Create(parameters).Value!;
    }
}

/// <summary>When a person is asked whether a client may act for them.</summary>
internal enum Approval
{
    /// <summary>
    /// Each time: anything that runs on the person's computer, or is installed on their phone, can ask with this client's
    /// identifier and receive the answer (RFC 8252 §8.6, RFC 6749 §10.2).
    /// </summary>
    EachTime,

    /// <summary>Once: what was allowed is remembered.</summary>
    Remembered,

    /// <summary>Never: the operator has answered for everybody (<c>OAuth:StaticClients:n:PreApproved</c>).</summary>
    ByOperator,
}
