using McpIdentity.Server.Hosting;

namespace McpIdentity.Server.Federation;

/// <summary>Why signing in with a provider did not work, in words that say what to do.</summary>
internal static class SignInFailure
{
    public static readonly PersonError UnverifiedEmail = new(
        "email_not_verified", "Your e-mail address is not verified",
        "Google has not verified the e-mail address of this account, and this server admits verified addresses only.",
        "Verify the address with Google, or sign in with another account.");

    public static readonly PersonError Disabled = new(
        "account_disabled", "Your account is disabled",
        "The operator of this server has disabled your account.", "Ask whoever runs this server, or sign in with another account.");

    private static readonly PersonError Denied = new(
        "access_denied", "You did not sign in",
        "Google reports that the sign-in was cancelled.", "Go back to the app and start again if that was not your intention.");

    private static readonly PersonError BadClient = new(
        "invalid_client", "Google does not accept this server",
        "Google refused this server's client id or secret.", "The operator should check GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET (.env.oauth).");

    private static readonly PersonError BadRedirect = new(
        "redirect_uri_mismatch", "Google does not know this server's address",
        "The address that Google should send you back to is not registered there.",
        "The operator should register this server's address followed by /oauth/callback in the Google Cloud console.");

    private static readonly PersonError BadState = new(
        "invalid_state", "This sign-in does not belong to this browser",
        "The answer from Google carries no state of ours, or was started in another browser or too long ago.",
        "Go back to the app and start again.");

    /// <summary>Also for an answer without a subject: nobody can be recognised by it.</summary>
    public static readonly PersonError Unreachable = new(
        "provider_unavailable", "Google did not answer as expected",
        "Signing in with Google failed.", "Try again in a minute; if it stays so, give the reference below to the operator.");

    /// <summary>Shows the error page instead of whatever the handler would answer.</summary>
    public static void Show(HttpContext context, PersonError error)
    {
        context.Features.Set(error);
        context.Response.StatusCode = StatusCodes.Status400BadRequest;
    }

    public static PersonError Explain(Exception? failure)
    {
        // The OAuth handler tells its failures apart only by the text of the exception.
        var text = failure?.ToString() ?? "";
        return text switch
        {
            _ when text.Contains("access_denied", StringComparison.OrdinalIgnoreCase) || text.Contains("Access was denied", StringComparison.Ordinal) => Denied,
            _ when text.Contains("invalid_client", StringComparison.Ordinal) => BadClient,
            _ when text.Contains("redirect_uri_mismatch", StringComparison.Ordinal) => BadRedirect,
            _ when text.Contains("state", StringComparison.Ordinal) || text.Contains("Correlation failed", StringComparison.Ordinal) => BadState,
            _ => Unreachable,
        };
    }
}
