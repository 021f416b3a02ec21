using System.Collections.Immutable;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// <c>/oauth/authorize</c>. OpenIddict has validated the request when it arrives here; what is left is who the person is
/// and whether they agree. Every page in between comes back to this endpoint, which decides anew.
/// </summary>
internal static class AuthorizeEndpoint
{
    /// <summary>Carries the ticket of the consent page; ours, never part of the client's request.</summary>
    public const string DecisionParameter = "decision";

    /// <param name="query">The request's.</param>
    /// <param name="decision">A protected decision or refusal.</param>
    public static string AddressFor(string query, string decision) => $"{Paths.Authorize}{query}&{DecisionParameter}={decision}";

    public static void MapAuthorizeEndpoint(this WebApplication app) =>
        app.Map(Paths.Authorize, AuthorizeAsync)
            .WithAddress(new AddressAttribute(Reader.People, "GET HEAD POST") { Bucket = "authorize", TakesForms = true, IsOpenIddicts = true, KeepsOpener = true });

    private static async Task<IResult> AuthorizeAsync(
        HttpContext http, IOpenIddictApplicationManager clients, AuthorizationTickets tickets, Consents consents,
        IOptions<McpHostOptions> mcp, TimeProvider time, CancellationToken cancellationToken)
    {
        var request = http.GetOpenIddictServerRequest() ?? throw new InvalidOperationException("OpenIddict did not validate this request.");
        var pending = await PendingAsync(request, clients, cancellationToken);
        if (pending.Query.Length > AuthorizationTickets.MaxQueryLength)
        {
            // Said at once, and not by the page that could not hand it on.
            return Refuse(Errors.InvalidRequest, $"The request is longer than {AuthorizationTickets.MaxQueryLength} characters.");
        }

        if (tickets.ReadRefusal((string?)request[DecisionParameter], pending) is { } refusal)
        {
            return Refuse(refusal, "The person was not signed in.");
        }

        var person = SignedInPerson.From((await http.AuthenticateAsync(SessionsSetup.Scheme)).Principal);

        if (person is null || MustSignInAgain(request, person, time.GetUtcNow()))
        {
            return request.HasPromptValue(PromptValues.None)
                ? Refuse(Errors.LoginRequired, "The person is not signed in.")
                : Results.Redirect(SignInModel.AddressFor(tickets.Protect(pending with { Query = QueryOf(request, afterSignIn: true) })));
        }

        if (!Administrators.Include(mcp.Value, person.UserId, person.Email, person.EmailVerified))
        {
            // LINK-14: what a person may not do is not asked of them; the client reads the granted scope (RFC 6749 §5.1).
            request.Scope = string.Join(' ', ServerScopes.Known(request.GetScopes().Where(scope => scope != ServerScopes.McpAdmin)));
            pending = pending with { Query = QueryOf(request), Scopes = request.Scope };
        }

        var decision = tickets.ReadDecision((string?)request[DecisionParameter], person.SessionId, pending.Query);
        if (decision is false)
        {
            return Refuse(Errors.AccessDenied, "The person did not allow the access.");
        }

        if (decision is null && (request.HasPromptValue(PromptValues.Consent) || !await consents.CoverAsync(person.UserId, pending, cancellationToken)))
        {
            return request.HasPromptValue(PromptValues.None)
                ? Refuse(Errors.ConsentRequired, "The person has not allowed this access yet.")
                : Results.Redirect(ConsentModel.AddressFor(tickets.Protect(pending)));
        }

        return Results.SignIn(
            TokenPrincipal.ForPerson(person, request.GetScopes(), request.GetResources()),
            authenticationScheme: OpenIddictServerAspNetCoreDefaults.AuthenticationScheme);
    }

    private static async Task<PendingAuthorization> PendingAsync(
        OpenIddictRequest request, IOpenIddictApplicationManager clients, CancellationToken cancellationToken)
    {
        var client = await clients.FindByClientIdAsync(request.ClientId!, cancellationToken)
            ?? throw new InvalidOperationException("OpenIddict validated a client that does not exist.");
        return new PendingAuthorization(
            QueryOf(request),
            request.ClientId!,
            ClientNames.Clean(await clients.GetDisplayNameAsync(client, cancellationToken)) ?? request.ClientId!,
            StaticClients.IsConfigured(await clients.GetPropertiesAsync(client, cancellationToken)),
            request.RedirectUri!,
            request.Scope!,
            request.GetResources()[0],
            request.LoginHint);
    }

    // The request as a GET, whatever it arrived as. What made the person sign in again has done its work once they have.
    private static string QueryOf(OpenIddictRequest request, bool afterSignIn = false)
    {
        var parameters = request.GetParameters()
            .Where(parameter => parameter.Key != DecisionParameter)
            .Where(parameter => !afterSignIn || parameter.Key is not (Parameters.Prompt or Parameters.MaxAge))
            .SelectMany(parameter => (((ImmutableArray<string?>?)parameter.Value) ?? []).Select(value => KeyValuePair.Create(parameter.Key, new StringValues(value))));
        return QueryString.Create(parameters).Value!;
    }

    private static bool MustSignInAgain(OpenIddictRequest request, SignedInPerson person, DateTimeOffset now) =>
        request.HasPromptValue(PromptValues.Login) ||
        request.HasPromptValue(PromptValues.SelectAccount) ||
        (request.MaxAge is { } maxAge && (now - person.SignedInAt).TotalSeconds >= maxAge);

    private static IResult Refuse(string error, string description) => Results.Forbid(
        new AuthenticationProperties(new Dictionary<string, string?>
        {
            [OpenIddictServerAspNetCoreConstants.Properties.Error] = error,
            [OpenIddictServerAspNetCoreConstants.Properties.ErrorDescription] = description,
        }),
        [OpenIddictServerAspNetCoreDefaults.AuthenticationScheme]);
}
