using System.Text.RegularExpressions;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Diagnostics;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Pages;

/// <summary>Where the page about an error leads on, while somebody is on the way to an app or to a page of ours.</summary>
/// <param name="TryAgain">The step that failed, once more.</param>
/// <param name="OtherAccount">The sign-in, where the provider is asked for another account.</param>
/// <param name="ReturnToApp">Where the person gives up, and the app is told (RFC 6749 §4.1.2.1).</param>
internal sealed partial record WaysOn(string? TryAgain, string? OtherAccount, string? ReturnToApp)
{
    private static readonly string[] Steps = [Paths.SignIn, Paths.Login, Paths.Consent, Paths.Waiting];

    public static WaysOn From(HttpContext context, PersonError error)
    {
        if (context.Features.Get<SignInRequest>() is { } signIn)
        {
            return new WaysOn(Paths.SignInAgainFor(signIn.Name), error.OffersOtherAccount ? Paths.SignInAsAnotherFor(signIn.Name) : null, ReturnFrom(signIn.Name, error));
        }

        var path = AskedAddress.PathOf(context);
        if (error.Code != PersonError.Expired.Code && Steps.Contains(path, StringComparer.OrdinalIgnoreCase) &&
            AskedAddress.QueryOf(context)["request"].ToString() is var request && OneRequest.IsMatch(request))
        {
            return new WaysOn($"{path}?request={request}", null, ReturnFrom(request, error));
        }

        // A request that failed on our side can be made again as it was; by which method it came, the page does not know.
        return error.IsPassing && context.Features.Get<IStatusCodeReExecuteFeature>() is { OriginalQueryString: { Length: > 0 } query }
            ? new WaysOn(path + query, null, null)
            : new WaysOn(null, null, null);
    }

    // A page of our own has no app behind it.
    private static string? ReturnFrom(string request, PersonError error) => Paths.OwnPageOf(request) is not null
        ? null
        : Paths.ReturnFrom(request, error.IsPassing ? Errors.TemporarilyUnavailable : Errors.AccessDenied);

    // As our own pages write it: nothing else is repeated.
    [GeneratedRegex("^[A-Za-z0-9_-]+$")]
    private static partial Regex OneRequest { get; }
}
