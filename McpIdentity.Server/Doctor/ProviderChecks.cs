using System.Net;
using System.Text.Json;
using McpIdentity.Mcp;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Options;
using OpenIddict.Client;

namespace McpIdentity.Server.Doctor;

/// <summary>Sign-in providers, and issuers of JWTs.</summary>
internal static class ProviderChecks
{
    private const string GoogleDiscovery = "https://accounts.google.com/.well-known/openid-configuration";

    private static readonly Check Demo = new("sign-in.demo", Verdict.Note, "Does everybody who signs in show who they are?",
        "Configure a sign-in provider; Production does not start without.", "docs/sign-in-providers.md, \"Sign-in providers\"");

    private static readonly Check Discovery = new("providers.discovery", Verdict.Fail, "Does each sign-in provider describe itself, under the issuer that is configured, and answer?",
        "Is the issuer spelled as in its own document, byte for byte, and may this machine reach it?", "docs/sign-in-providers.md, \"When signing in fails\"");

    private static readonly Check Client = new("providers.client", Verdict.Warn, "Does the provider know our client id and our redirect URI, as far as it shows without a person?",
        "Register the redirect URI that is named at the provider, exactly: scheme, host, port, no trailing slash; and compare the client id.", "docs/sign-in-providers.md, \"When signing in fails\"");

    private static readonly Check Issuer = new("jwt.issuer", Verdict.Fail, "Does each issuer of JWTs publish its keys?", "Is Jwt:Authority or Jwt:JwksUri right, and may this machine reach it?", "docs/auth-types.md, \"Auth types: what the MCP endpoint accepts\"");

    public static Examination Examination { get; } = new([Demo, Discovery, Client, Issuer], RunAsync);

    private static async Task<IReadOnlyList<CheckResult>> RunAsync(Patient patient, CancellationToken cancellationToken)
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = Patient.Patience }) { Timeout = Patient.Patience, MaxResponseContentBufferSize = 1024 * 1024 };
        var oauth = patient.Get<IOptions<OAuthServerOptions>>().Value;
        var providers = UpstreamProvider.ListFrom(oauth).Where(provider => provider.IsUsable).ToList();
        var demo = !oauth.Enabled ? Demo.Pass("nobody signs in here: OAuth:Enabled is off")
            : Demo.Judge(providers.Count > 0, $"people sign in with {string.Join(", ", providers.Select(provider => provider.Id))}", "no provider is configured: alice and bob sign in without a password");
        var asked = await Task.WhenAll(providers.Select(provider => AskProviderAsync(patient, provider, http, cancellationToken)));
        var issuers = await Task.WhenAll(IssuersOf(patient).Select(issuer =>
            Patient.TryAsync(Issuer, () => AskIssuerAsync(patient, issuer, http, cancellationToken), issuer.Authority ?? issuer.JwksUri)));
        return [demo, .. asked.SelectMany(results => results), .. issuers];
    }

    private static async Task<IReadOnlyList<CheckResult>> AskProviderAsync(Patient patient, UpstreamProvider provider, HttpClient http, CancellationToken cancellationToken)
    {
        Uri? authorize = null;
        var described = await Patient.TryAsync(Discovery, async () =>
        {
            if (provider.Id == GoogleSignIn.Scheme)
            {
                var address = patient.Get<IOptions<OAuthServerOptions>>().Value.GoogleTokenEndpoint ?? GoogleDiscovery;
                var status = (int)await AskAsync(patient, http, address, cancellationToken);
                return Discovery.Judge(status < 500, $"{address} answers {status}", $"{address} answers {status}");
            }

            // As a sign-in reads it: an issuer that is spelled otherwise in its own document is refused here as there.
            var configuration = await patient.Get<OpenIddictClientService>().GetServerConfigurationByRegistrationIdAsync(provider.Id, cancellationToken).AsTask().WaitAsync(Patient.Patience, cancellationToken);
            authorize = configuration.AuthorizationEndpoint;
            if (configuration.TokenEndpoint is not { } token)
            {
                return Discovery.Bad("its discovery document names no token endpoint");
            }

            var answer = (int)await AskAsync(patient, http, token.AbsoluteUri, cancellationToken);
            return Discovery.Judge(answer < 500, $"{configuration.Issuer?.AbsoluteUri ?? provider.DisplayName} describes itself, and {token.AbsoluteUri} answers", $"{token.AbsoluteUri} answers {answer}");
        }, provider.Id, exception => $"it does not answer as it should: {exception.GetBaseException().Message.ReplaceLineEndings(" ")}");
        return authorize is null ? [described] : [described, await Patient.TryAsync(Client, () => AskForUsAsync(patient, provider, authorize, http, cancellationToken), provider.Id)];
    }

    // As a browser would be sent there. Many show a page of 200 for whatever is wrong, so that only a refusal says something.
    private static async Task<CheckResult> AskForUsAsync(Patient patient, UpstreamProvider provider, Uri authorize, HttpClient http, CancellationToken cancellationToken)
    {
        var redirect = patient.Get<IOptions<ServerOptions>>().Value.PublicBaseUrl + provider.CallbackPath;
        var nothing = new string('A', 43);
        using var answer = await http.GetAsync(new Uri(QueryHelpers.AddQueryString(authorize.AbsoluteUri, new Dictionary<string, string?>
        {
            ["client_id"] = provider.Options.ClientId,
            ["redirect_uri"] = redirect,
            ["response_type"] = "code",
            ["scope"] = "openid",
            ["state"] = "doctor",
            ["nonce"] = "doctor",
            ["code_challenge"] = nothing,
            ["code_challenge_method"] = "S256",
            ["prompt"] = "none",
        })), HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        return Client.Judge((int)answer.StatusCode < 400, $"{authorize.Host} takes the client id with {redirect}, which must be registered there",
            $"{authorize.Host} answers {(int)answer.StatusCode} to our client id with {redirect}");
    }

    private static async Task<CheckResult> AskIssuerAsync(Patient patient, TrustedIssuerOptions issuer, HttpClient http, CancellationToken cancellationToken)
    {
        var address = issuer.JwksUri;
        if (string.IsNullOrEmpty(address))
        {
            using var discovery = JsonDocument.Parse(await http.GetStringAsync(new Uri(issuer.Authority!.TrimEnd('/') + "/.well-known/openid-configuration"), cancellationToken));
            address = discovery.RootElement.GetProperty("jwks_uri").GetString()!;
        }

        await AskAsync(patient, http, address, cancellationToken);
        using var keys = JsonDocument.Parse(await http.GetStringAsync(new Uri(address), cancellationToken));
        var count = keys.RootElement.GetProperty("keys").GetArrayLength();
        return Issuer.Judge(count > 0, $"{address} has {count} keys", $"{address} has no key");
    }

    private static IEnumerable<TrustedIssuerOptions> IssuersOf(Patient patient) =>
        patient.Get<IOptions<McpOptions>>().Value is not { Enabled: true, Auth.AuthType: McpAuthType.Jwt or McpAuthType.Both } ? []
            : patient.Get<IOptions<ExternalJwtOptions>>().Value.All.Where(issuer => string.IsNullOrEmpty(issuer.Secret));

    private static async Task<HttpStatusCode> AskAsync(Patient patient, HttpClient http, string address, CancellationToken cancellationToken)
    {
        using var response = await http.GetAsync(new Uri(address), HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (response.Headers.Date is { } date)
        {
            patient.Took(new Uri(address).Host, date.AddSeconds(0.5) - TimeProvider.System.GetUtcNow()); // the header has whole seconds
        }

        return response.StatusCode;
    }
}
