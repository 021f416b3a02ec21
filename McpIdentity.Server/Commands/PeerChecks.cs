using System.Data.Common;
using System.Net;
using System.Text.Json;
using McpIdentity.Mcp;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Connections;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Hosting;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using OpenIddict.Client;

namespace McpIdentity.Server.Commands;

/// <summary>What <c>doctor</c> finds outside: sign-in providers, issuers of JWTs, our own certificate, and what time others have.</summary>
internal static class PeerChecks
{
    private const string GoogleDiscovery = "https://accounts.google.com/.well-known/openid-configuration";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan GoodSkew = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan WorstSkew = TimeSpan.FromMinutes(1);

    public static async Task<IReadOnlyList<CheckResult>> RunAsync(IServiceProvider services, List<(string Whose, TimeSpan Ahead)> clocks, CancellationToken cancellationToken)
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = Patience }) { Timeout = Patience };
        var checks = UpstreamProvider.ListFrom(services.GetRequiredService<IOptions<OAuthServerOptions>>().Value).Where(provider => provider.IsUsable)
            .Select(provider => TryAsync($"provider-{provider.Id}", () => ProviderAsync(services, provider, http, clocks, cancellationToken)))
            .Concat(IssuersOf(services).Select((issuer, i) => TryAsync(i == 0 ? "jwt-issuer" : $"jwt-issuer-{i + 1}", () => IssuerAsync(issuer, http, clocks, cancellationToken))));
        var accounts = (await AccountsAsync(services, cancellationToken)).Select(server => TryAsync($"accounts-{server.Name}", () => AccountAsync(services, server, cancellationToken)));
        return [.. await Task.WhenAll([.. checks, .. accounts]), .. Certificate(services)];
    }

    /// <summary>Tokens are compared with this machine's clock, at both ends of a sign-in.</summary>
    public static CheckResult Clock(IReadOnlyList<(string Whose, TimeSpan Ahead)> clocks)
    {
        if (clocks.Count == 0)
        {
            return new("clock", Verdict.Pass, $"it is {CommandLine.Moment(TimeProvider.System.GetUtcNow())} here; there was nobody to compare with");
        }

        var (whose, ahead) = clocks.MaxBy(clock => clock.Ahead.Duration());
        var says = $"{whose} is {Math.Abs(ahead.TotalSeconds):0} s {(ahead < TimeSpan.Zero ? "behind" : "ahead of")} this machine";
        return new("clock", ahead.Duration() <= GoodSkew ? Verdict.Pass : ahead.Duration() <= WorstSkew ? Verdict.Warn : Verdict.Fail,
            ahead.Duration() <= GoodSkew ? $"{says}" : $"{says}: tokens are refused as expired or not yet valid. Set the clock (NTP)");
    }

    private static async Task<CheckResult> ProviderAsync(IServiceProvider services, UpstreamProvider provider, HttpClient http, List<(string, TimeSpan)> clocks, CancellationToken cancellationToken)
    {
        var name = $"provider-{provider.Id}";
        var oauth = services.GetRequiredService<IOptions<OAuthServerOptions>>().Value;
        if (provider.Id == GoogleSignIn.Scheme)
        {
            var address = oauth.GoogleTokenEndpoint ?? GoogleDiscovery;
            var status = await AskAsync(http, address, clocks, cancellationToken);
            return new(name, (int)status < 500 ? Verdict.Pass : Verdict.Fail, $"{address} answers {(int)status}");
        }

        // As a sign-in reads it: an issuer that is spelled otherwise in its own document is refused here as there.
        var configuration = await services.GetRequiredService<OpenIddictClientService>().GetServerConfigurationByRegistrationIdAsync(provider.Id, cancellationToken).AsTask().WaitAsync(Patience, cancellationToken);
        if (configuration.TokenEndpoint is not { } token)
        {
            return new(name, Verdict.Fail, "its discovery document names no token endpoint");
        }

        var answer = await AskAsync(http, token.AbsoluteUri, clocks, cancellationToken);
        return (int)answer < 500
            ? new(name, Verdict.Pass, $"{configuration.Issuer?.AbsoluteUri ?? provider.DisplayName} describes itself, and {token.AbsoluteUri} answers")
            : new(name, Verdict.Fail, $"{token.AbsoluteUri} answers {(int)answer}");
    }

    private static async Task<CheckResult> IssuerAsync(TrustedIssuerOptions issuer, HttpClient http, List<(string, TimeSpan)> clocks, CancellationToken cancellationToken)
    {
        var address = issuer.JwksUri;
        if (string.IsNullOrEmpty(address))
        {
            using var discovery = JsonDocument.Parse(await http.GetStringAsync(new Uri(issuer.Authority!.TrimEnd('/') + "/.well-known/openid-configuration"), cancellationToken));
            address = discovery.RootElement.GetProperty("jwks_uri").GetString()!;
        }

        await AskAsync(http, address, clocks, cancellationToken);
        using var keys = JsonDocument.Parse(await http.GetStringAsync(new Uri(address), cancellationToken));
        var count = keys.RootElement.GetProperty("keys").GetArrayLength();
        return new("jwt-issuer", count > 0 ? Verdict.Pass : Verdict.Fail, $"{address} has {count} keys");
    }

    // As the page on which people connect their accounts finds it, up to the press of the button.
    private static async Task<CheckResult> AccountAsync(IServiceProvider services, ConnectableServer server, CancellationToken cancellationToken)
    {
        var authority = await services.GetRequiredService<Authorities>().OfAsync(server, cancellationToken);
        return new("", Verdict.Pass, $"people connect their accounts at {authority.Issuer}, which describes itself");
    }

    private static async Task<IEnumerable<ConnectableServer>> AccountsAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        try
        {
            return (await KnownServer.AllAsync(services, cancellationToken)).Where(server => server is { Problem: null, Options.Upstream.Auth: UpstreamAuth.OAuth })
                .Select(server => new FrontedServer(server.Name, server.Options!).Connectable);
        }
        catch (Exception exception) when (exception is DbException || StorageFaults.IsOne(exception))
        {
            return []; // said by the checks of the database: it cannot be reached, or has no tables yet
        }
    }

    private static IEnumerable<TrustedIssuerOptions> IssuersOf(IServiceProvider services)
    {
        var mcp = services.GetRequiredService<IOptions<McpOptions>>().Value;
        return mcp is not { Enabled: true, Auth.AuthType: McpAuthType.Jwt or McpAuthType.Both } ? []
            : services.GetRequiredService<IOptions<ExternalJwtOptions>>().Value.All.Where(issuer => string.IsNullOrEmpty(issuer.Secret));
    }

    private static IEnumerable<CheckResult> Certificate(IServiceProvider services)
    {
        var configuration = services.GetRequiredService<IConfiguration>();
        if (CertificateFile.In(configuration.GetSection("Kestrel:Certificates:Default"), services.GetRequiredService<IHostEnvironment>().ContentRootPath) is not { } file)
        {
            yield break;
        }

        using var certificate = file.Load();
        var left = certificate.NotAfter.ToUniversalTime() - TimeProvider.System.GetUtcNow().UtcDateTime;
        yield return new("certificate", left < TimeSpan.Zero ? Verdict.Fail : left < TimeSpan.FromDays(14) ? Verdict.Warn : Verdict.Pass,
            left < TimeSpan.Zero ? $"{file.Path} has expired on {certificate.NotAfter:u}" : $"{file.Path} is good for {left.TotalDays:0} days");
    }

    private static async Task<HttpStatusCode> AskAsync(HttpClient http, string address, List<(string, TimeSpan)> clocks, CancellationToken cancellationToken)
    {
        using var response = await http.GetAsync(new Uri(address), cancellationToken);
        if (response.Headers.Date is { } date)
        {
            lock (clocks)
            {
                // The header has whole seconds.
                clocks.Add((new Uri(address).Host, date.AddSeconds(0.5) - TimeProvider.System.GetUtcNow()));
            }
        }

        return response.StatusCode;
    }

    private static async Task<CheckResult> TryAsync(string name, Func<Task<CheckResult>> check)
    {
        try
        {
            return await check() with { Name = name };
        }
        catch (Exception exception) when (exception is HttpRequestException or AuthorityException or TaskCanceledException or TimeoutException or JsonException or KeyNotFoundException or InvalidOperationException or UriFormatException)
        {
            return new(name, Verdict.Fail, $"it does not answer as it should: {exception.GetBaseException().Message.ReplaceLineEndings(" ")} Is the address right, and may this machine reach it?");
        }
    }
}
