using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Administration.Api;

/// <summary>A token that lets clients be registered (RFC 7591 §3).</summary>
/// <param name="Name">Whom it is for, in your words. No two have the same, ever.</param>
/// <param name="Expires">After which time it registers nothing more: 12h, 30d. Absent: never.</param>
/// <param name="MaxUses">How many clients it may register. Absent: any number.</param>
internal sealed record NewInitialAccessToken([property: StringLength(50, MinimumLength = 1)] string Name, string? Expires = null, int? MaxUses = null) : IAdminBody<NewInitialAccessToken>
{
    public static NewInitialAccessToken Example => new("build-team", "30d", 10);
}

/// <summary>A token that was made. It is shown this once: the server keeps a hash.</summary>
/// <param name="Token">Sent as a bearer token to /register.</param>
/// <param name="Name">Whom it is for.</param>
/// <param name="ExpiresAt">From when on it registers nothing more.</param>
/// <param name="MaxUses">How many clients it may register.</param>
internal sealed record InitialAccessTokenShown(string Token, string Name, DateTimeOffset? ExpiresAt, int? MaxUses);

/// <summary>What a client would send to /register.</summary>
/// <param name="Metadata">The body of its request (RFC 7591 §2).</param>
/// <param name="WithToken">As if it came with a good initial access token.</param>
internal sealed record TryRegistration(JsonElement Metadata, bool WithToken = false) : IAdminBody<TryRegistration>
{
    public static TryRegistration Example => new(JsonElement.Parse("""{ "client_name": "Example", "redirect_uris": [ "http://127.0.0.1:33418/" ] }"""));
}

/// <summary>Somebody who would sign in.</summary>
/// <param name="Email">Their address; absent: the provider names none.</param>
/// <param name="Verified">Whether the provider has verified it.</param>
/// <param name="Provider">Where; absent: at each provider that there is.</param>
/// <param name="HostedDomain">The organisation that manages an account at Google.</param>
internal sealed record TrySignIn(string? Email = null, bool Verified = true, string? Provider = null, string? HostedDomain = null) : IAdminBody<TrySignIn>
{
    public static TrySignIn Example => new("anna@example.com");
}

/// <summary>What would become of a sign-in.</summary>
/// <param name="Verdicts">At each provider.</param>
internal sealed record SignInVerdicts(IReadOnlyList<SignInVerdict> Verdicts);

/// <summary>Who may register clients and who may sign in, the settings, and how the server is.</summary>
internal static class RuleOperations
{
    public static void Add(AdminApi api)
    {
        api.Get<RegistrationPolicyView>("/registration", "get_registration_policy", AdminRight.Read, "Who may register clients, as it is in force.", call => Task.FromResult<Outcome<RegistrationPolicyView>>(call.Get<RegistrationActs>().Policy()));
        api.Ask<TryRegistration, RegistrationTrial>("/registration/test", "test_registration", AdminRight.Read, "Judges what a client would send to /register, and registers nothing.",
            async (call, body) => await call.Get<RegistrationActs>().TryAsync(body.Metadata, body.WithToken, call.Cancelled));
        api.List<InitialAccessTokenView>("/initial-access-tokens", "list_initial_access_tokens", AdminRight.Read, "Lists the tokens with which clients may be registered, by name.", async call => await call.Get<RegistrationActs>().ListTokensAsync(call.Slice, call.Cancelled));
        api.Get<InitialAccessTokenView>("/initial-access-tokens/{token_name}", "get_initial_access_token", AdminRight.Read, "One of them; the token itself is known to nobody but whom it was given to.", call => call.Get<RegistrationActs>().FindTokenAsync(call["token_name"], call.Cancelled));
        api.Create<NewInitialAccessToken, InitialAccessTokenShown>("/initial-access-tokens", "create_initial_access_token", AdminRight.Write, "Makes a token, and shows it this once.", CreateAsync, token => $"/initial-access-tokens/{Uri.EscapeDataString(token.Name)}");
        api.Remove("/initial-access-tokens/{token_name}", "revoke_initial_access_token", AdminRight.Write, "Ends a token. What it has registered stays.", async call => (await call.Get<RegistrationActs>().RevokeTokenAsync(call.By, call["token_name"], call.Cancelled)).Problem);
        api.Get<SignInRules>("/sign-in-rules", "get_sign_in_rules", AdminRight.Read, "Who may sign in, and with which providers.", call => Task.FromResult<Outcome<SignInRules>>(call.Get<AdmissionActs>().Rules()));
        api.Ask<TrySignIn, SignInVerdicts>("/sign-in-rules/test", "test_sign_in", AdminRight.Read, "Says whether somebody would be admitted, and by which rule not.", async (call, body) =>
        {
            var (verdicts, problem) = await call.Get<AdmissionActs>().TryAsync(new SignInTrial(body.Email, body.Verified, body.Provider, body.HostedDomain), call.Cancelled);
            return problem is null ? new SignInVerdicts(verdicts!) : problem;
        });
        api.List<SettingView>("/settings", "list_settings", AdminRight.Read, "Lists the settings in force, each with its source; secrets are masked.",
            call => Task.FromResult<Outcome<AdminPage<SettingView>>>(call.Get<SettingsActs>().List(call.Text("section"), call.Slice)), AdminParameter.Text("section", "Only those below this key, such as OAuth:Registration."));
        api.Get<OverviewView>("/overview", "get_overview", AdminRight.ReadPeople, "How much there is of everything, as it was ten seconds ago at most.", async call => await call.Get<Overview>().CountAsync(call.Cancelled));
        api.Get<HealthView>("/health", "get_health", AdminRight.ReadPeople, "Whether this server should be sent requests, and whether each server behind it answers.", async call => await call.Get<Overview>().HealthAsync());
    }

    private static async Task<Outcome<InitialAccessTokenShown>> CreateAsync(AdminCall call, NewInitialAccessToken body)
    {
        var lifetime = body.Expires is { } text ? Durations.Parse(text) : null;
        if (body.Expires is not null && lifetime is null)
        {
            return AdminProblem.Invalid(("expires", $"It is a time such as {Durations.Forms}."));
        }

        var (made, problem) = await call.Get<RegistrationActs>().CreateTokenAsync(call.By, body.Name, lifetime, body.MaxUses, call.Cancelled);
        return problem is null ? new InitialAccessTokenShown(made!.Token, made.View.Name, made.View.ExpiresAt, made.View.MaxUses) : problem;
    }
}
