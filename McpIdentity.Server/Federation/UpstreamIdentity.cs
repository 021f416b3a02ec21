using System.Globalization;
using System.Security.Claims;
using McpIdentity.Migrations;
using McpIdentity.Server.Sessions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Federation;

/// <summary>What an upstream provider said of a person.</summary>
internal sealed record UpstreamIdentity(string Provider, string Subject, string? Name, string? Email, bool EmailVerified)
{
    private const int MaxText = McpIdentityDbContext.Lengths.Text;

    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(1);

    // The tenant of personal Microsoft accounts, whose addresses Microsoft has verified.
    private const string PersonalAccounts = "9188040d-6c67-4c5b-b112-36a304b66dad";

    /// <summary>How many groups of a person are kept. A token of Microsoft has 200 at most.</summary>
    public const int MaxGroups = 500;

    // The longest name that directories give one.
    private const int MaxGroup = 256;

    private static readonly string[] SharedTenants = ["common", "organizations", "consumers"];

    /// <summary>The organisation that manages the account, as Google says it (<c>hd</c>); null for a private one.</summary>
    public string? HostedDomain { get; init; }

    /// <summary>The groups that the provider says the person is in (<c>Policy:GroupClaims</c>); with <see cref="SaidGroups.Unknown"/> where these are not all.</summary>
    public IReadOnlyList<string> Groups { get; init; } = [];

    /// <summary>When the person signed in at the provider (<c>auth_time</c>), which may be long ago; null where it does not say.</summary>
    public DateTimeOffset? AuthenticatedAt { get; init; }

    /// <summary>
    /// What a provider says, as we can keep it: a name is cut; what names somebody is not, because it would name another. An
    /// address that cannot be kept is none, and without a subject that can there is nobody.
    /// </summary>
    public static UpstreamIdentity? Of(string provider, string? subject, string? name, string? email, bool emailVerified) =>
        StorableText.ForComparison(subject, MaxText) is { } kept
            ? new UpstreamIdentity(provider, kept, StorableText.ForDisplay(name, MaxText), StorableText.ForComparison(email, MaxText), false)
                .WithVerified(emailVerified)
            : null;

    /// <summary>The claim <c>auth_time</c> (OpenID Connect Core §2). Nobody has signed in later than now: of a clock that is a little ahead it is now, any other says nothing.</summary>
    public static DateTimeOffset? MomentOf(string? authTime, DateTimeOffset now) =>
        !long.TryParse(authTime, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) || seconds > (now + ClockSkew).ToUnixTimeSeconds() ? null
        : DateTimeOffset.FromUnixTimeSeconds(seconds) is var moment && moment < now ? moment
        : now;

    /// <summary>The one place where the providers' different words become ours.</summary>
    /// <param name="provider">Who speaks.</param>
    /// <param name="claims">What OpenIddict's client merged of id_token and userinfo.</param>
    /// <param name="groupClaims">In which of them groups stand.</param>
    /// <returns>Null when the answer says of nobody who they are.</returns>
    public static UpstreamIdentity? From(UpstreamProvider provider, ClaimsPrincipal claims, IReadOnlyCollection<string> groupClaims)
    {
        var subject = claims.FindFirstValue(Claims.Subject) ?? claims.FindFirstValue(ClaimTypes.NameIdentifier);
        if (string.IsNullOrEmpty(subject) || (provider.Type == UpstreamProvider.Microsoft && !IsOfItsTenant(provider, claims)))
        {
            return null;
        }

        var email = claims.FindFirstValue(Claims.Email) ?? claims.FindFirstValue(ClaimTypes.Email);
        var identity = Of(
            provider.Id,
            subject,
            claims.FindFirstValue(Claims.Name) ?? claims.FindFirstValue(Claims.PreferredUsername) ?? claims.FindFirstValue(ClaimTypes.Name),
            email,
            email is not null && IsVerified(provider, claims));
        return identity is null ? null : identity with { Groups = GroupsIn(provider, claims, groupClaims) };
    }

    /// <summary>Whether these are all that the person is in.</summary>
    public bool HasAllGroups => !Groups.Contains(SaidGroups.Unknown);

    /// <summary>The same with groups that were asked for, which are all that there are; beyond <see cref="MaxGroups"/> they are not known.</summary>
    public UpstreamIdentity WithAllGroups(IEnumerable<string> groups) => this with { Groups = Kept(Groups.Concat(groups), areAll: true) };

    /// <summary>Whether the provider left the groups out because they are too many: Microsoft names an address to ask instead ("groups overage").</summary>
    public static bool LacksGroups(ClaimsPrincipal claims) => claims.FindFirstValue("_claim_names")?.Contains("\"groups\"", StringComparison.Ordinal) == true || claims.HasClaim("hasgroups", "true");

    /// <summary>Whether anybody can be administrator of the tenant: of such a one no group counts, for they call groups what they like.</summary>
    public static bool IsOfSharedTenant(UpstreamProvider provider) => provider.Type == UpstreamProvider.Microsoft && IsShared(provider);

    // An object or a number in the place of a name is left out.
    private static string[] GroupsIn(UpstreamProvider provider, ClaimsPrincipal claims, IReadOnlyCollection<string> groupClaims) =>
        IsOfSharedTenant(provider)
            ? []
            : Kept(claims.Claims.Where(claim => groupClaims.Contains(claim.Type) && claim.ValueType == ClaimValueTypes.String).Select(claim => claim.Value), !(groupClaims.Contains("groups") && LacksGroups(claims)));

    // What cannot be compared letter by letter is left out.
    private static string[] Kept(IEnumerable<string> groups, bool areAll)
    {
        string[] names = [.. groups.Select(group => StorableText.ForComparison(group, MaxGroup)).OfType<string>().Distinct(StringComparer.Ordinal)];
        return areAll && names.Length <= MaxGroups ? names : [.. names.Take(MaxGroups), SaidGroups.Unknown];
    }

    private UpstreamIdentity WithVerified(bool verified) => this with { EmailVerified = verified && Email is not null };

    private static bool IsVerified(UpstreamProvider provider, ClaimsPrincipal claims) => provider.Type switch
    {
        // Anyone can be administrator of some tenant and write any address there: only xms_edov ("e-mail domain owner
        // verified"), Microsoft's own accounts, or the operator's own tenant make it more than a claim.
        UpstreamProvider.Microsoft => Flag(claims, "xms_edov")
            ?? (!IsShared(provider) || claims.FindFirstValue("tid") == PersonalAccounts || provider.Options.TrustEmail),
        _ => Flag(claims, Claims.EmailVerified) ?? provider.Options.TrustEmail,
    };

    private static bool IsShared(UpstreamProvider provider) =>
        provider.Options.Settings.TryGetValue("Tenant", out var tenant) && SharedTenants.Contains(tenant, StringComparer.OrdinalIgnoreCase);

    // OpenIddict cannot compare the issuer of a shared tenant: each organisation has its own, with the tenant's id in it.
    private static bool IsOfItsTenant(UpstreamProvider provider, ClaimsPrincipal claims) =>
        !IsShared(provider) || provider.Options.Issuer is not null ||
        (claims.FindFirstValue("tid") is { Length: > 0 } tenant && claims.FindFirstValue(Claims.Issuer) == $"https://login.microsoftonline.com/{tenant}/v2.0");

    private static bool? Flag(ClaimsPrincipal claims, string type) => claims.FindFirstValue(type)?.ToUpperInvariant() switch
    {
        "TRUE" or "1" => true,
        null => null,
        _ => false,
    };
}
