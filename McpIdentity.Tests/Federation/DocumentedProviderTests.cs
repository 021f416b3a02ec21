using McpIdentity.Server;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OpenIddict.Client;

namespace McpIdentity.Tests.Federation;

/// <summary>Every provider that the documentation names starts as it is documented, and what would not start is said before.</summary>
[Category("Federation")]
[Parallelizable(ParallelScope.All)]
internal sealed class DocumentedProviderTests
{
    // Id, settings after OAuth:Providers:{id}:, and the issuer that is asked.
    private static readonly (string Id, string Settings, string Issuer)[] Documented =
    [
        ("okta", "Issuer=https://example.okta.com", "https://example.okta.com/"),
        ("okta", "Settings:Domain=example.okta.com", "https://example.okta.com/"),
        ("okta", "Settings:Issuer=https://example.okta.com/oauth2/default", "https://example.okta.com/oauth2/default"),
        ("work", "Type=Okta Settings:Domain=https://example.okta.com", "https://example.okta.com/"),
        ("auth0", "Issuer=https://example.eu.auth0.com/", "https://example.eu.auth0.com/"),
        ("auth0", "Settings:Domain=example.eu.auth0.com", "https://example.eu.auth0.com/"),
        ("keycloak", "Issuer=https://idp.example.com/realms/staff", "https://idp.example.com/realms/staff"),
        ("keycloak", "Type=oidc Issuer=https://idp.example.com/realms/staff", "https://idp.example.com/realms/staff"),
        ("authentik", "Issuer=https://authentik.example.com/application/o/mcp/", "https://authentik.example.com/application/o/mcp/"),
        ("zitadel", "Issuer=https://example.zitadel.cloud", "https://example.zitadel.cloud/"),
        ("staff", "Type=oidc Settings:Domain=idp.example.com", "https://idp.example.com/"),
        ("gitlab", "", "https://gitlab.com/"),
        ("gitlab", "Issuer=https://gitlab.example.com", "https://gitlab.example.com/"),
        ("gitlab", "Settings:Domain=gitlab.example.com", "https://gitlab.example.com/"),
        ("github", "", "https://github.com/"),
        ("github", "AuthorizationEndpoint=https://ghe.example/login/oauth/authorize TokenEndpoint=https://ghe.example/login/oauth/access_token UserInfoEndpoint=https://ghe.example/api/v3/user", "https://github.com/"),
        ("microsoft", "", "https://login.microsoftonline.com/common/v2.0"),
        ("microsoft", "Settings:Tenant=contoso.example", "https://login.microsoftonline.com/contoso.example/v2.0"),
        ("entra", "Settings:Tenant=contoso.example", "https://login.microsoftonline.com/contoso.example/v2.0"),
        ("entra", $"Issuer=https://login.microsoftonline.com/{Tenant}/v2.0", $"https://login.microsoftonline.com/{Tenant}/v2.0"),
        ("work", "Type=entra Settings:Tenant=contoso.example", "https://login.microsoftonline.com/contoso.example/v2.0"),
        ("discord", "", "https://discord.com/"),
        ("cognito", "Settings:Region=eu-west-1 Settings:UserPoolId=eu-west-1_abc", "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc"),
        ("salesforce", "Issuer=https://login.salesforce.com/", "https://login.salesforce.com/"),
        ("pingone", "Settings:Domain=auth.pingone.eu/x/as", "https://auth.pingone.eu/x/as/"),
        ("nextcloud", "Issuer=https://cloud.example.com", "https://cloud.example.com/"),
        ("adfs", "Type=ActiveDirectoryFederationServices Issuer=https://adfs.example.com/adfs", "https://adfs.example.com/adfs"),
    ];

    private static readonly (string Id, string Settings, string Message)[] Mistakes =
    [
        ("okta", "", "OAuth:Providers:okta:Issuer must be set"),
        ("auth0", "", "OAuth:Providers:auth0:Issuer must be set"),
        ("staff", "Type=oidc", "OAuth:Providers:staff:Issuer must be set"),
        ("two", "Type=okta Issuer=https://a.okta.com Settings:Domain=b.okta.com", "OAuth:Providers:two names two issuers"),
        ("bare", "Type=okta Issuer=bare.example.com", "OAuth:Providers:bare: 'bare.example.com' must be an https address"),
        ("typo", "Type=okta Settings:Domian=example.okta.com", "OAuth:Providers:typo:Settings:Domian is not a setting of Okta"),
        ("microsoft", "Settings:Tenat=x", "OAuth:Providers:microsoft:Settings:Tenat is not a setting of Microsoft. It has an Issuer of its own beside Settings (or Settings:Domain), Tenant"),
        ("weibo", "Settings:ForceLogin=perhaps", "OAuth:Providers:weibo:Settings:ForceLogin is 'perhaps'; allowed: true, false"),
        ("github", "Issuer=https://ghe.example", "for GitHub Enterprise set AuthorizationEndpoint"),
    ];

    // What only OpenIddict knows, type by type.
    private static readonly (string Id, string Settings, string Message)[] Unbuildable =
    [
        ("cognito", "Settings:Region=eu-west-1", "UserPoolId"),
        ("zendesk", "", "Tenant"),
        ("apple", "", "SigningKey"),
        ("spotify", "Issuer=https://example.com", "Issuer has no effect"),
    ];

    private const string Tenant = "4a1e6d2c-0000-4000-8000-000000000001";

    [Test]
    [Category("LINK-09"), Category("SEED-025")]
    public async Task Every_documented_provider_is_built_as_it_is_documented()
    {
        // As few starts as there are ways to write the same id.
        foreach (var round in Documented.GroupBy(row => row.Id).SelectMany(rows => rows.Select((row, number) => (row, number))).GroupBy(item => item.number, item => item.row))
        {
            await using var app = Program.Build([.. Start, .. round.SelectMany(row => SettingsOf(row.Id, row.Settings))]);

            var registrations = app.Services.GetRequiredService<IOptionsMonitor<OpenIddictClientOptions>>().CurrentValue.Registrations;

            Assert.That(registrations.ToDictionary(registration => registration.RegistrationId!, registration => registration.Issuer!.AbsoluteUri),
                Is.EquivalentTo(round.ToDictionary(row => row.Id, row => row.Issuer)));
            Assert.That(app.Services.GetRequiredService<SignInProviders>().All.Select(provider => provider.Id), Is.EquivalentTo(round.Select(row => row.Id)));
        }
    }

    // Program.Build is what `config validate` and `serve` have in common.
    [Test]
    [Category("SEED-025")]
    public void What_would_not_start_is_said_with_the_setting()
    {
        foreach (var rows in new[] { Mistakes, Unbuildable })
        {
            var failure = Assert.Catch<ConfigurationProblems.InvalidConfigurationException>(
                () => Program.Build([.. Start, .. rows.SelectMany(row => SettingsOf(row.Id, row.Settings))]));

            using (Assert.EnterMultipleScope())
            {
                foreach (var (id, _, message) in rows)
                {
                    Assert.That(failure!.Message, Does.Contain(message).And.Contain($"OAuth:Providers:{id}"));
                }
            }
        }
    }

    private static string[] Start => ["--environment=Development", $"--Server:Port={Ports.Next()}", "--OAuth:EncryptionKey=a test key of more than thirty-two characters"];

    private static IEnumerable<string> SettingsOf(string id, string settings) =>
        settings.Split(' ', StringSplitOptions.RemoveEmptyEntries).Append("ClientId=an-id").Append("ClientSecret=a-secret")
            .Select(setting => $"--OAuth:Providers:{id}:{setting}");
}
