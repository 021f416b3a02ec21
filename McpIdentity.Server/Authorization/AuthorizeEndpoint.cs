using System.Collections.Immutable;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Clients.Documents;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Primitives;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// <c>/oauth/authorize</c>. OpenIddict has validated the request when it arrives here; what is left is who the person is
/// and whether they agree. Every page in between comes back to this endpoint, which decides anew.
/// </summary>
internal static class AuthorizeEndpoint
{
    /// <param name="query">The request's.</param>
    /// <param name="decision">A protected decision or refusal.</param>
    public static string AddressFor(string query, string decision) => $"{Paths.Authorize}{query}&{KnownParameters.Decision}={decision}";

    /// <param name="pending">A request whose person was asked for their account.</param>
    /// <param name="isLater">They do not connect it now.</param>
    /// <param name="tickets">Close what was decided before.</param>
    public static string AddressAfterAccount(PendingAuthorization pending, bool isLater, AuthorizationTickets tickets) =>
        (pending.Decision is { } decision ? AddressFor(pending.Query, tickets.CloseDecision(decision)) : Paths.Authorize + pending.Query) + (isLater ? $"&{KnownParameters.AccountLater}=1" : "");

    public static void MapAuthorizeEndpoint(this WebApplication app)
    {
        app.Services.GetRequiredService<Administrators>().Log();
        app.Map(Paths.Authorize, AuthorizeAsync)
            .WithAddress(new AddressAttribute(Reader.People, "GET HEAD POST") { Bucket = "authorize", TakesForms = true, OpenIddict = OpenIddictServerEndpointType.Authorization, KeepsOpener = true });
    }

    private static async Task<IResult> AuthorizeAsync(
        HttpContext http, IOpenIddictApplicationManager clients, AuthorizationTickets tickets, Consents consents, ConsentOffers offers, MissingAccounts accounts, ProtectedResources resources,
        ScopeHolders holders, Admission admission, TimeProvider time, CancellationToken cancellationToken)
    {
        var request = http.GetOpenIddictServerRequest() ?? throw new InvalidOperationException("OpenIddict did not validate this request.");
        var pending = await PendingAsync(request, clients, resources, cancellationToken);
        var cameByOurPages = request.HasParameter(KnownParameters.SignedIn) || request.HasPromptValue(PromptValues.SelectAccount);
        if (pending.Query.Length > AuthorizationTickets.MaxQueryLength + KnownParameters.FlowLength + (cameByOurPages ? KnownParameters.OwnLength : 0))
        {
            // Said at once, and not by the page that could not hand it on.
            return Refuse(Errors.InvalidRequest, $"The request is longer than {AuthorizationTickets.MaxQueryLength} characters.");
        }

        if (tickets.ReadRefusal((string?)request[KnownParameters.Decision], pending) is { } refusal)
        {
            return Refuse(refusal, "The person was not signed in.");
        }

        if (pending.AwaitsApproval)
        {
            // Before anybody is asked for anything.
            return request.HasPromptValue(PromptValues.None)
                ? Refuse(Errors.InteractionRequired, "This client waits for the approval of an operator of this server.")
                : Results.Redirect(WaitingModel.AddressFor(tickets.Protect(pending)));
        }

        var person = SignedInPerson.From((await http.AuthenticateAsync(SessionsSetup.Scheme)).Principal);
        http.Features.Set(pending.Facts with { Subject = person?.UserId, SessionId = person?.SessionId });

        var hinted = await HintedSubjectAsync(http, request);
        var isSomebodyElse = person is not null && hinted is not null && hinted != person.UserId;
        if (isSomebodyElse && request.HasParameter(KnownParameters.SignedIn))
        {
            if (hinted is not "")
            {
                return Refuse(Errors.LoginRequired, "Somebody else signed in than id_token_hint names.");
            }

            isSomebodyElse = false;
        }

        if (request.HasParameter(KnownParameters.SignInTooOld))
        {
            // OpenID Connect Core §3.1.2.1: the provider has been asked, and did not sign the person in anew, or does not say when it did.
            return Refuse(Errors.LoginRequired, "The person did not sign in as recently as was asked, or the sign-in provider does not say when they did.");
        }

        if (person is not null && !admission.StillAdmits(person.Provider, person.Email, person.EmailVerified, person.HostedDomain))
        {
            person = null; // the operator's rules have changed; signing in says which
        }

        if (person is null || isSomebodyElse || MustSignInAgain(request, person, time.GetUtcNow()))
        {
            return request.HasPromptValue(PromptValues.None)
                ? Refuse(Errors.LoginRequired, "The person who is asked for is not signed in.")
                : Results.Redirect(SignInModel.AddressFor(tickets.Protect(pending with
                {
                    Query = QueryOf(request, afterSignIn: true),
                    SignInPrompt = request.HasPromptValue(PromptValues.Login) ? PromptValues.Login
                        : request.HasPromptValue(PromptValues.SelectAccount) ? PromptValues.SelectAccount
                        : null,
                    MaxAge = request.MaxAge,
                })));
        }

        // LINK-14: what a person may not do is not asked of them; the client reads the granted scope (RFC 6749 §5.1).
        var resource = resources.Get(pending.Resource)!;
        var scopes = resource.ScopesFor(request.GetScopes(), await holders.WithheldAsync(resource, VouchedPerson.Of(person), pending.ClientId, cancellationToken));
        if (!resource.Opens(scopes))
        {
            return Refuse(Errors.AccessDenied, $"No scope of {resource.Identifier} is for this person and this client.");
        }

        request.Scope = string.Join(' ', scopes);
        pending = pending with { Query = QueryOf(request), Scopes = request.Scope };

        var caller = offers.CallerOf(person, pending);
        var decided = tickets.ReadDecision((string?)request[KnownParameters.Decision], person.SessionId, pending, offers.ToolsAt(pending.Resource, caller));
        var choice = decided is { } decision && !(decision.Choice.Scopes.Count > 0 && await consents.WereEndedSinceAsync(decision.At, person.UserId, pending.ClientId, cancellationToken))
            ? decision.Choice
            : (request.HasPromptValue(PromptValues.Consent) ? null : await consents.RecallAsync(person.UserId, caller, pending, cancellationToken));
        if (choice is null)
        {
            return request.HasPromptValue(PromptValues.None)
                ? Refuse(Errors.ConsentRequired, "The person has not allowed this access yet.")
                : Results.Redirect(ConsentModel.AddressFor(tickets.Protect(pending)));
        }

        if (!resource.Opens(choice.Scopes))
        {
            return Refuse(Errors.AccessDenied, "The person did not allow the access.");
        }

        // Whom no page of ours has asked for anything, this one does not either: a silent renewal stays silent.
        var wasAsked = decided is not null || request.HasParameter(KnownParameters.SignedIn);
        if (wasAsked && !request.HasParameter(KnownParameters.AccountLater) && !request.HasPromptValue(PromptValues.None) &&
            await accounts.FindAsync(pending, person, cancellationToken) is { } server)
        {
            return Results.Redirect(Paths.ConnectFor(server, tickets.Protect(pending with { Decision = tickets.OpenDecision((string?)request[KnownParameters.Decision]) })));
        }

        // RFC 6749 §3.3: the person may leave scopes out; the answer's scope says what is left.
        return Results.SignIn(TokenPrincipal.ForPerson(person, choice, request.GetResources()), authenticationScheme: OpenIddictServerAspNetCoreDefaults.AuthenticationScheme);
    }

    private static async Task<PendingAuthorization> PendingAsync(
        OpenIddictRequest request, IOpenIddictApplicationManager clients, ProtectedResources resources, CancellationToken cancellationToken)
    {
        var isOfAdmin = resources.Admin?.Identifier == request.GetResources()[0];
        var client = await clients.FindByClientIdAsync(request.ClientId!, cancellationToken)
            ?? throw new InvalidOperationException("OpenIddict validated a client that does not exist.");
        var properties = await clients.GetPropertiesAsync(client, cancellationToken);
        return new PendingAuthorization(
            QueryOf(request),
            request.ClientId!,
            ClientNames.Clean(await clients.GetDisplayNameAsync(client, cancellationToken)) ?? request.ClientId!,
            OperatorClients.IsNamedByOperator(properties),
            DocumentTimes.Of(properties) is null ? null : new Uri(request.ClientId!).Authority,
            // What an operator says of a client is no owner's word for the admin API.
            StaticClients.IsPreApproved(properties) && (StaticClients.IsConfigured(properties) || !isOfAdmin) ? Approval.ByOperator
                : await clients.HasClientTypeAsync(client, ClientTypes.Public, cancellationToken) && RedirectUris.LeadsToAnyProgram(request.RedirectUri!) ? Approval.EachTime
                : Approval.Remembered,
            request.RedirectUri!,
            request.Scope!,
            request.GetResources()[0],
            request.LoginHint)
        {
            AwaitsApproval = ClientApproval.IsAwaited(properties),
            MayRefresh = await clients.HasPermissionAsync(client, Permissions.GrantTypes.RefreshToken, cancellationToken),
        };
    }

    // The request as a GET, whatever it arrived as. What made the person sign in again has done its work once they have;
    // the rest of what was asked (prompt=login consent) has not.
    private static string QueryOf(OpenIddictRequest request, bool afterSignIn = false)
    {
        var parameters = request.GetParameters()
            .Where(parameter => parameter.Key is not (KnownParameters.Decision or KnownParameters.AccountLater))
            .Where(parameter => !afterSignIn || parameter.Key is not (Parameters.Prompt or Parameters.MaxAge or KnownParameters.SignedIn))
            .SelectMany(parameter => (((ImmutableArray<string?>?)parameter.Value) ?? []).Select(value => KeyValuePair.Create(parameter.Key, new StringValues(value))));
        if (afterSignIn)
        {
            var prompt = string.Join(' ', request.GetPromptValues().Except([PromptValues.Login, PromptValues.SelectAccount]));
            parameters = parameters
                .Concat(prompt.Length > 0 ? [KeyValuePair.Create(Parameters.Prompt, new StringValues(prompt))] : [])
                .Append(KeyValuePair.Create(KnownParameters.SignedIn, new StringValues("1")));
        }

        return QueryString.Create(parameters).Value!;
    }

    // OpenID Connect Core §3.1.2.2: the answer must be about the person of id_token_hint. Empty for a hint that is none of
    // ours, or older than our keys: it names nobody, so that the person is asked.
    private static async Task<string?> HintedSubjectAsync(HttpContext http, OpenIddictRequest request) =>
        string.IsNullOrEmpty(request.IdTokenHint)
            ? null
            : (await http.AuthenticateAsync(OpenIddictServerAspNetCoreDefaults.AuthenticationScheme)).Principal?.GetClaim(Claims.Subject) ?? "";

    private static bool MustSignInAgain(OpenIddictRequest request, SignedInPerson person, DateTimeOffset now) =>
        request.HasPromptValue(PromptValues.Login) ||
        request.HasPromptValue(PromptValues.SelectAccount) ||
        (request.MaxAge is { } maxAge && !((now - person.AuthenticatedAt)?.TotalSeconds < maxAge));

    private static IResult Refuse(string error, string description) => Results.Forbid(
        new AuthenticationProperties(new Dictionary<string, string?>
        {
            [OpenIddictServerAspNetCoreConstants.Properties.Error] = error,
            [OpenIddictServerAspNetCoreConstants.Properties.ErrorDescription] = description,
        }),
        [OpenIddictServerAspNetCoreDefaults.AuthenticationScheme]);
}
