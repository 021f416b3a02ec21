using System.Text.Json;
using McpIdentity.Server.Pages;
using Microsoft.AspNetCore.Html;

namespace McpIdentity.Server.Federation;

/// <summary>Why signing in did not work: a code for each cause, in words that say what to do (SEED-088).</summary>
internal static partial class SignInFailure
{
    public static readonly PersonError Disabled = new(
        "account_disabled", $"Your account is disabled",
        $"The operator of this server has disabled your account.", $"Ask whoever runs this server, or sign in with another account.")
    {
        OffersOtherAccount = true,
    };

    public static readonly PersonError NoState = new(
        "invalid_state", $"This sign-in does not belong to this browser",
        $"The answer carries no state of ours, or was started in another browser, too long ago, or used before.", $"Go back to where you came from and start again.");

    public static PersonError Denied(UpstreamProvider provider) => new(
        "access_denied", $"You did not sign in",
        $"{provider.DisplayName} reports that the sign-in was cancelled.", $"Try again if that was not your intention.");

    public static PersonError BadClient(UpstreamProvider provider) => new(
        "invalid_client", $"{provider.DisplayName} does not accept this server",
        $"{provider.DisplayName} refused this server's client id or secret.",
        $"The operator should check {provider.CredentialSettings}, and whether the secret has expired.");

    public static PersonError BadRedirect(UpstreamProvider provider, string redirectUri) => new(
        "redirect_uri_mismatch", $"{provider.DisplayName} does not know this server's address",
        $"The address that the provider should send you back to is not registered there.",
        $"The operator should register exactly {redirectUri} at {provider.DisplayName}, and set OAUTH_BASE_URL where that is not the address that people use.");

    /// <param name="provider">Who refused.</param>
    /// <param name="error">Its own error code, already reduced to harmless characters.</param>
    public static PersonError Refused(UpstreamProvider provider, string error) => new(
        "provider_refused", $"{provider.DisplayName} refused the sign-in",
        $"{provider.DisplayName} answered '{error}'.", $"Try again. If it stays so, give the reference below to the operator.");

    public static PersonError BadToken(UpstreamProvider provider) => new(
        "invalid_id_token", $"{provider.DisplayName}'s answer cannot be trusted",
        $"The identity token is not meant for this sign-in: its signature, issuer, audience, nonce or time is wrong.",
        $"Try again. If it stays so, the operator should compare the issuer and the client id, and this server's clock.");

    /// <summary>Also for an answer without a subject: nobody can be recognised by it.</summary>
    // What the provider did is not a fault of the browser's request (RFC 9110 §15.6.3, §15.6.4).
    public static PersonError Unreachable(UpstreamProvider provider) => new(
        "provider_unavailable", $"{provider.DisplayName} did not answer as expected",
        $"Signing in with {provider.DisplayName} failed.", $"Try again in a minute; if it stays so, give the reference below to the operator.")
    {
        Status = StatusCodes.Status502BadGateway,
        IsPassing = true,
    };

    /// <summary>It was asked, and nothing came: a connection that broke, or that took too long.</summary>
    public static PersonError Silent(UpstreamProvider provider) => new(
        "provider_unavailable", $"{provider.DisplayName} does not answer",
        $"{provider.DisplayName} did not answer this server in time, or broke off.", $"Try again in a minute; if it stays so, give the reference below to the operator.")
    {
        Status = StatusCodes.Status503ServiceUnavailable,
        IsPassing = true,
    };

    public static PersonError NoDiscovery(UpstreamProvider provider) => new(
        "provider_discovery_failed", $"{provider.DisplayName} cannot be reached",
        $"This server could not read the sign-in addresses of {provider.DisplayName}.",
        $"Try again in a minute; if it stays so, the operator should check OAuth:Providers:{provider.Id}:Issuer and the way there.")
    {
        Status = StatusCodes.Status503ServiceUnavailable,
        IsPassing = true,
    };

    public static PersonError UnverifiedEmail(string provider, bool hasEmail) => new(
        "email_not_verified", $"Your e-mail address is not verified",
        hasEmail
            ? (FormattableString)$"{provider} has not verified the e-mail address of this account, and this server admits verified addresses only."
            : $"{provider} named no e-mail address of this account, and this server admits verified addresses only.",
        $"Verify the address with {provider}, or sign in with another account.")
    {
        OffersOtherAccount = true,
    };

    public static PersonError DomainNotAllowed(string domains) => new(
        "domain_not_allowed", $"This account may not sign in here",
        $"This server admits people with a verified address at {domains} only.", $"Sign in with an account of that organisation.")
    {
        OffersOtherAccount = true,
    };

    /// <param name="domain">The Google Workspace domain whose accounts alone are let in.</param>
    public static PersonError NotOfHostedDomain(string domain) => new(
        "domain_not_allowed", $"This account may not sign in here",
        $"This server admits Google accounts only that the organisation {domain} manages.", $"Sign in with an account of that organisation.")
    {
        OffersOtherAccount = true,
    };

    public static PersonError ProviderGone(string provider) => new(
        "provider_gone", $"This account may not sign in here",
        $"This server does not work with {provider} any more, where the account is.", $"Ask whoever runs this server, or sign in with another account.")
    {
        OffersOtherAccount = true,
    };

    /// <summary>Shows the error page instead of whatever would be answered, and tells the operator the same with the same reference.</summary>
    /// <param name="context">The request's.</param>
    /// <param name="provider">Where somebody tried; null for a demo user.</param>
    /// <param name="error">What to show.</param>
    /// <param name="upstream">The provider's own words, for the log.</param>
    /// <param name="who">As whom the person signed in, for the page alone.</param>
    public static void Show(HttpContext context, UpstreamProvider? provider, PersonError error, string? upstream = null, UpstreamIdentity? who = null)
    {
        context.Features.Set(error with { SignedInAs = Describe(who, provider), Provider = provider?.Id, Account = who?.Email });
        ReferenceId.IsInLog(context);
        context.Response.StatusCode = error.Status;
        var logger = context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(SignInFailure).FullName!);
        var redirectUri = provider is null ? "none" : context.RequestServices.GetRequiredService<SignInProviders>().CallbackOf(provider);
        SignInFailed(logger, provider?.Id ?? "unknown", error.Code, FormattableString.Invariant(error.WhatHappened), FormattableString.Invariant(error.WhatToDo), Harmless(upstream) ?? "nothing", redirectUri, ReferenceId.For(context));
    }

    private static FormattableString? Describe(UpstreamIdentity? who, UpstreamProvider? provider)
    {
        if (who is not { Name: not null } and not { Email: not null })
        {
            return null;
        }

        var name = new HtmlContentBuilder().AppendHtml(Inline.Strong(who.Name ?? who.Email));
        if (who is { Name: not null, Email: not null })
        {
            name.AppendHtml(" (").AppendHtml(Inline.Foreign(who.Email)).AppendHtml(")");
        }

        return provider is null ? (FormattableString)$"You signed in as {name}." : $"You signed in with {provider.DisplayName} as {name}.";
    }

    /// <summary>The cause behind a provider's own error code.</summary>
    public static PersonError Explain(UpstreamProvider provider, string error, string redirectUri) => error switch
    {
        "access_denied" or "user_cancelled_login" or "consent_required" => Denied(provider),
        // The second is GitHub's word.
        "invalid_client" or "incorrect_client_credentials" or "unauthorized_client" => BadClient(provider),
        "redirect_uri_mismatch" or "invalid_redirect_uri" => BadRedirect(provider, redirectUri),
        "server_error" or "temporarily_unavailable" => Unreachable(provider),
        _ => Refused(provider, Harmless(error)!),
    };

    /// <summary>The same for Google, whose handler tells its failures apart only by the text of the exception.</summary>
    public static PersonError ExplainGoogle(UpstreamProvider provider, Exception? failure, string redirectUri)
    {
        // The messages alone: anything may stand in a stack.
        var text = failure?.Message + " " + failure?.InnerException?.Message;
        return failure switch
        {
            _ when failure is GoogleIdToken.InvalidException || failure?.InnerException is GoogleIdToken.InvalidException => BadToken(provider),
            OperationCanceledException or TimeoutException => Silent(provider),
            HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.ResponseEnded }
                or HttpRequestException { InnerException: IOException } => Silent(provider),
            HttpRequestException or JsonException => Unreachable(provider),
            _ when text.Contains("access_denied", StringComparison.OrdinalIgnoreCase) || text.Contains("Access was denied", StringComparison.Ordinal) => Denied(provider),
            _ when text.Contains("invalid_client", StringComparison.Ordinal) => BadClient(provider),
            _ when text.Contains("redirect_uri_mismatch", StringComparison.Ordinal) => BadRedirect(provider, redirectUri),
            _ when failure?.Message is "The oauth state was missing or invalid." or "Correlation failed." => NoState,
            _ => Unreachable(provider),
        };
    }

    // Anyone can write anything into a callback's address.
    private static string? Harmless(string? text) =>
        text is null ? null : new string([.. text.Take(200).Select(c => char.IsAsciiLetterOrDigit(c) || " _-.:,()/".Contains(c) ? c : '?')]);

    [LoggerMessage(1503, LogLevel.Warning,
        "Sign-in with {Provider} failed: {Code}. {WhatHappened} {WhatToDo} The provider said: {Upstream}. Redirect URI: {RedirectUri}. Reference: {Reference}")]
    private static partial void SignInFailed(
        ILogger logger, string provider, string code, string whatHappened, string whatToDo, string upstream, string redirectUri, string reference);
}
