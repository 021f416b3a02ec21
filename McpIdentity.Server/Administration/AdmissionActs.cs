using McpIdentity.Migrations;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Administration;

/// <summary>Who may sign in.</summary>
/// <param name="AllowedEmailDomains">Of which domains a verified address has to be; none: of any.</param>
/// <param name="GoogleHostedDomain">Which organisation has to manage an account at Google; null: any, or none.</param>
internal sealed record SignInRules(bool RequireVerifiedEmail, IReadOnlyList<string> AllowedEmailDomains, string? GoogleHostedDomain, IReadOnlyList<ProviderView> Providers);

/// <summary>Who vouches for people.</summary>
/// <param name="RedirectUri">What is registered there, byte by byte; null for the demo sign-in.</param>
internal sealed record ProviderView(string Id, string Name, string? RedirectUri);

/// <summary>Somebody who would sign in.</summary>
/// <param name="Email">Their address; null: the provider names none.</param>
/// <param name="Verified">Whether the provider has verified it.</param>
/// <param name="Provider">Where; null: at each that there is.</param>
/// <param name="HostedDomain">The organisation that manages an account at Google.</param>
internal sealed record SignInTrial(string? Email, bool Verified = true, string? Provider = null, string? HostedDomain = null);

/// <summary>What would become of it at one provider.</summary>
/// <param name="Rule">What keeps them out: <c>email_not_verified</c>, <c>domain_not_allowed</c>, <c>account_disabled</c>; null: nothing does.</param>
/// <param name="Says">What they would read.</param>
/// <param name="UserId">As whom they are known already.</param>
internal sealed record SignInVerdict(string Provider, bool Admitted, string? Rule, string? Says, string? UserId);

/// <summary>Whom the operator lets in, asked before somebody tries.</summary>
internal sealed class AdmissionActs(McpIdentityDbContext db, Admission admission, SignInProviders providers, IOptions<OAuthServerOptions> oauth)
{
    /// <summary>The rules.</summary>
    public SignInRules Rules() => new(oauth.Value.RequireVerifiedEmail, [.. oauth.Value.AllowedEmailDomains ?? []], oauth.Value.GoogleHostedDomain, [.. Providers()]);

    /// <summary>Says whether somebody would be admitted, and by which rule not.</summary>
    public async Task<Outcome<IReadOnlyList<SignInVerdict>>> TryAsync(SignInTrial trial, CancellationToken cancellationToken)
    {
        var email = trial.Email?.Trim();
        if (email is not null && (StorableText.ForComparison(email, McpIdentityDbContext.Lengths.Text) is null || email.LastIndexOf('@') < 1 || email.EndsWith('@')))
        {
            return AdminProblem.Invalid(("email", "It must be an address such as anna@example.com."));
        }

        if (trial.Provider is { } id && !providers.IsOn(id))
        {
            return AdminProblem.NotFound("provider", id);
        }

        var verdicts = new List<SignInVerdict>();
        foreach (var provider in Providers().Where(provider => trial.Provider is null || provider.Id == trial.Provider))
        {
            var identity = new UpstreamIdentity(provider.Id, "", null, email, trial.Verified && email is not null) { HostedDomain = trial.HostedDomain };
#pragma warning disable CA1862 // EF Core translates ToLower
            var known = email is null ? null : await db.Users.Where(user => user.Provider == provider.Id && user.Email!.ToLower() == email.ToLowerInvariant())
                .Select(user => new { user.Id, user.DisabledAt }).FirstOrDefaultAsync(cancellationToken);
#pragma warning restore CA1862
            var refusal = admission.Check(identity, provider.Name) ?? (known?.DisabledAt is null ? null : SignInFailure.Disabled);
            verdicts.Add(new SignInVerdict(provider.Id, refusal is null, refusal?.Code, refusal is null ? null : FormattableString.Invariant(refusal.WhatHappened), known?.Id));
        }

        return new(verdicts, null);
    }

    private IEnumerable<ProviderView> Providers() => providers.Demo
        ? [new ProviderView(DemoProvider.Name, DemoProvider.DisplayName, null)]
        : providers.All.Select(provider => new ProviderView(provider.Id, provider.DisplayName, providers.CallbackOf(provider)));
}
