using System.Net;
using System.Security.Claims;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Federation;

/// <summary>Who may come in, of those whom a provider vouches for, and whose address counts as verified.</summary>
[Category("Federation")]
[Parallelizable(ParallelScope.All)]
internal sealed class AdmissionTests
{
    private const string Tenant = "4a1e6d2c-0000-4000-8000-000000000001";
    private const string PersonalAccounts = "9188040d-6c67-4c5b-b112-36a304b66dad";

    [TestCase("EXAMPLE.com", true)]
    [TestCase("other.example", false)]
    [TestCase("ample.com", false)]
    [TestCase("sub.example.com", false)]
    public async Task Only_people_of_the_allowed_domains_come_in_and_the_others_read_why(string domain, bool isAdmitted)
    {
        await using var server = await TestServer.StartAsync($"OAuth:AllowedEmailDomains:0={domain}");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);

        var page = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(client.AuthorizeUrl()), new Dictionary<string, string> { ["username"] = "alice" });

        Assert.That(page.Status, Is.EqualTo(isAdmitted ? HttpStatusCode.OK : HttpStatusCode.BadRequest));
        if (!isAdmitted)
        {
            Assert.That(page.Body, Does.Contain("domain_not_allowed").And.Contain(domain).And.Contain("Reference"));
            Assert.That(alice.Cookies.GetAllCookies().Select(cookie => cookie.Name), Has.None.EqualTo("mcpidentity"));
        }
    }

    [TestCase("example.com", true)]
    [TestCase("other.example", false)]
    [TestCase(null, false)]
    public async Task Only_accounts_that_the_hosted_domain_manages_come_in(string? hostedDomain, bool isAdmitted)
    {
        await using var google = await StandInGoogle.StartAsync();
        google.Add(new GoogleAccount("carol@example.com", "Carol", "Example") { HostedDomain = hostedDomain });
        await using var server = await TestServer.StartAsync([.. google.Settings, "OAuth:GoogleHostedDomain=example.com"]);
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var carol = new Person(server, "carol@example.com", google.Origin);
        var atGoogle = await carol.Browser.SubmitAsync(await carol.Browser.GetAsync(client.AuthorizeUrl()), button: "google");

        var page = await carol.Browser.SubmitAsync(atGoogle, new Dictionary<string, string> { ["email"] = "carol@example.com" });

        Assert.That(google.Requests[0].Parameters["hd"], Is.EqualTo("example.com"));
        Assert.That(page.Status, Is.EqualTo(isAdmitted ? HttpStatusCode.OK : HttpStatusCode.BadRequest));
        Assert.That(page.Body, Does.Contain(isAdmitted ? "/consent" : "domain_not_allowed"));
    }

    // Whoever administers any tenant can write any address into it ("nOAuth").
    [TestCase("contoso.example", Tenant, null, true, TestName = "The operator's own tenant vouches for its addresses")]
    [TestCase("contoso.example", Tenant, "0", false, TestName = "But not where Microsoft says otherwise")]
    [TestCase("common", Tenant, null, false, TestName = "A stranger's tenant vouches for nothing")]
    [TestCase("organizations", Tenant, "1", true, TestName = "Unless Microsoft has verified the domain's owner")]
    [TestCase("common", PersonalAccounts, null, true, TestName = "Microsoft verifies the addresses of personal accounts")]
    [Category("LINK-14")]
    public void An_address_at_Entra_counts_only_where_somebody_verified_it(string configuredTenant, string tenant, string? ownerVerified, bool isVerified)
    {
        var identity = UpstreamIdentity.From(Microsoft(configuredTenant), Claims(
            ("sub", "s"), ("email", "admin@example.com"), ("tid", tenant), ("iss", $"https://login.microsoftonline.com/{tenant}/v2.0"), ("xms_edov", ownerVerified)), []);

        Assert.That(identity!.EmailVerified, Is.EqualTo(isVerified));
    }

    [TestCase("https://login.microsoftonline.com/another/v2.0")]
    [TestCase("https://sts.example/")]
    [TestCase(null)]
    public void A_token_of_a_shared_tenant_must_be_issued_by_the_tenant_that_it_names(string? issuer)
    {
        Assert.That(UpstreamIdentity.From(Microsoft("common"), Claims(("sub", "s"), ("tid", Tenant), ("iss", issuer)), []), Is.Null);
    }

    [TestCase(true, null, true)]
    [TestCase(true, "false", false)]
    [TestCase(false, null, false)]
    [TestCase(false, "true", true)]
    public void TrustEmail_speaks_only_where_the_provider_says_nothing(bool trust, string? said, bool isVerified)
    {
        var provider = new UpstreamProvider("staff", UpstreamProvider.Oidc, new UpstreamProviderOptions { TrustEmail = trust });

        Assert.That(UpstreamIdentity.From(provider, Claims(("sub", "s"), ("email", "a@example.com"), ("email_verified", said)), [])!.EmailVerified, Is.EqualTo(isVerified));
    }

    [TestCase("contoso.example", "Finance")]
    [TestCase("common", "")]
    [TestCase("organizations", "")]
    [Category("Policy")]
    public void Groups_at_Entra_count_only_of_the_operators_own_tenant(string configuredTenant, string groups)
    {
        var identity = UpstreamIdentity.From(Microsoft(configuredTenant), Claims(("sub", "s"), ("groups", "Finance"), ("tid", Tenant), ("iss", $"https://login.microsoftonline.com/{Tenant}/v2.0")), ["groups"]);

        Assert.That(string.Join(' ', identity!.Groups), Is.EqualTo(groups));
    }

    [TestCase("groups", false), TestCase("roles", true)]
    [Category("Policy")]
    public void Groups_that_nobody_goes_by_are_not_missing(string groupClaim, bool hasAll) => Assert.That(
        UpstreamIdentity.From(
            Microsoft("contoso.example"), Claims(("sub", "s"), ("roles", "auditor"), ("_claim_names", "{\"groups\":\"src1\"}"), ("tid", Tenant), ("iss", $"https://login.microsoftonline.com/{Tenant}/v2.0")), [groupClaim])!.HasAllGroups,
        Is.EqualTo(hasAll));

    [TestCase("_claim_names", "{\"groups\":\"src1\"}", true), TestCase("hasgroups", "true", true), TestCase("_claim_names", "{\"address\":\"src1\"}", false), TestCase("groups", "Finance", false)]
    [Category("Policy")]
    public void Groups_that_Entra_left_out_are_noticed(string claim, string value, bool isLacking) =>
        Assert.That(UpstreamIdentity.LacksGroups(Claims(("sub", "s"), (claim, value))), Is.EqualTo(isLacking));

    private static UpstreamProvider Microsoft(string tenant)
    {
        var options = new UpstreamProviderOptions();
        options.Settings["Tenant"] = tenant;
        return new UpstreamProvider("microsoft", UpstreamProvider.Microsoft, options);
    }

    private static ClaimsPrincipal Claims(params (string Type, string? Value)[] claims) =>
        new(new ClaimsIdentity(claims.Where(claim => claim.Value is not null).Select(claim => new Claim(claim.Type, claim.Value!)), "test"));
}
