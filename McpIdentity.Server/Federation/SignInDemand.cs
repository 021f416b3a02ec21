using System.Globalization;
using McpIdentity.Server.Protocol;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Federation;

/// <summary>
/// What a client asks of the sign-in itself (OpenID Connect Core §3.1.2.1), handed on to the provider in the words that it
/// knows: whoever asks for another account, or for a fresh sign-in, means the account at the provider.
/// </summary>
/// <param name="Prompt"><c>login</c> or <c>select_account</c>.</param>
/// <param name="MaxAge">How many seconds ago the person may have signed in at the provider.</param>
/// <param name="LoginHint">Whom the client expects.</param>
internal sealed record SignInDemand(string? Prompt, long? MaxAge, string? LoginHint)
{
    /// <summary>Which values of <c>prompt</c> a provider has, where its discovery document says so.</summary>
    public const string PromptValuesSupported = "prompt_values_supported";

    /// <summary>Added to the address at which an authorization goes on, for a person who did not sign in as recently as was asked.</summary>
    public const string NotMet = "&" + KnownParameters.SignInTooOld + "=1";

    private const string AskedAt = "asked_at";
    private const int MaxHint = 320; // an e-mail address
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(1);

    /// <param name="provider">Who is asked.</param>
    /// <param name="configuration">What it publishes; null for Google, which has a handler of its own.</param>
    public IEnumerable<(string Name, string Value)> ParametersFor(UpstreamProvider provider, OpenIddictConfiguration? configuration)
    {
        var isGitHub = provider.Type == UpstreamProvider.GitHub;
        var isOpenId = configuration?.SigningKeys.Count > 0;
        if (!isGitHub && !isOpenId && provider.Id != GoogleSignIn.Scheme)
        {
            yield break; // no OpenID Connect, and no words of its own that we know
        }

        if (Prompt is not null)
        {
            // GitHub and Google can be asked to show their accounts, and not for the password.
            yield return (Parameters.Prompt, isOpenId ? PromptFor(provider, configuration!) : PromptValues.SelectAccount);
        }

        if (isOpenId && (MaxAge ?? (Prompt == PromptValues.Login ? 0 : null)) is { } maxAge)
        {
            // With it the provider must say when the person signed in (§2, auth_time). A prompt can be taken from the address on the way.
            yield return (Parameters.MaxAge, Seconds(maxAge).ToString(CultureInfo.InvariantCulture));
        }

        if (LoginHint is { Length: > 0 and <= MaxHint })
        {
            yield return (isGitHub ? "login" : Parameters.LoginHint, LoginHint);
        }
    }

    /// <summary>Remembers in the protected state of the sign-in what has to be true of the answer.</summary>
    public void KeepIn(IDictionary<string, string?> state, DateTimeOffset now)
    {
        if (MaxAge is not null || Prompt == PromptValues.Login)
        {
            state[AskedAt] = now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
            state[Parameters.MaxAge] = MaxAge?.ToString(CultureInfo.InvariantCulture);
        }
    }

    /// <summary>Whether the person signed in as recently as was asked.</summary>
    /// <param name="state">Of the sign-in.</param>
    /// <param name="authenticatedAt">What the provider says of it. Where it says nothing, a <c>max_age</c> is not met.</param>
    public static bool IsMet(IDictionary<string, string?> state, DateTimeOffset? authenticatedAt)
    {
        if (!state.TryGetValue(AskedAt, out var asked) || !long.TryParse(asked, CultureInfo.InvariantCulture, out var seconds))
        {
            return true;
        }

        var earliest = DateTimeOffset.FromUnixTimeSeconds(seconds) - ClockSkew;
        return state.TryGetValue(Parameters.MaxAge, out var text) && long.TryParse(text, CultureInfo.InvariantCulture, out var maxAge)
            ? authenticatedAt >= earliest - TimeSpan.FromSeconds(Seconds(maxAge))
            : authenticatedAt is null || authenticatedAt >= earliest;
    }

    // No time is below zero, and no provider need read more than 32 bits: 68 years ask nothing of anybody.
    private static long Seconds(long maxAge) => Math.Clamp(maxAge, 0, int.MaxValue);

    // GitLab answers select_account with an error, and who says what they have may have nothing of that name (Keycloak).
    private string PromptFor(UpstreamProvider provider, OpenIddictConfiguration configuration) =>
        Prompt == PromptValues.SelectAccount && (provider.Type == UpstreamProvider.GitLab ||
            (configuration.Properties.GetValueOrDefault(PromptValuesSupported) is string[] known && !known.Contains(PromptValues.SelectAccount)))
            ? PromptValues.Login
            : Prompt!;
}
