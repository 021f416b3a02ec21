using System.Net;
using System.Net.Sockets;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Hosting;

/// <summary>Fills in the base URL where it may be guessed and refuses one that clients could not use.</summary>
internal sealed class ServerOptionsRules(IHostEnvironment environment, IConfiguration configuration)
    : IPostConfigureOptions<ServerOptions>, IValidateOptions<ServerOptions>
{
    private static readonly string[] PrivateNetworks = ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

    public void PostConfigure(string? name, ServerOptions options)
    {
        // Only a NODE_ENV that somebody wrote: ASP.NET Core is in Production when nobody said anything.
        options.TrustProxy ??= string.Equals(Environment.GetEnvironmentVariable("NODE_ENV")?.Trim(), "production", StringComparison.OrdinalIgnoreCase);
        if (options.KnownNetworks.Count == 0 && options.KnownProxies.Count == 0)
        {
            foreach (var network in PrivateNetworks)
            {
                options.KnownNetworks.Add(network);
            }
        }

        options.RequireHttps ??= environment.IsProduction();
        options.PublicBaseUrl = Canonical(options.PublicBaseUrl);
        if (string.IsNullOrEmpty(options.PublicBaseUrl))
        {
            options.PublicBaseUrl = environment.IsProduction() ? null : Canonical(LocalAddress());
            options.FollowsProxy = environment.IsDevelopment() && options.TrustProxy == true;
        }
    }

    public ValidateOptionsResult Validate(string? name, ServerOptions options)
    {
        string[] problems = [.. CheckAddress(options), .. CheckProxies(options), .. ListeningRules.Check(configuration, environment.ContentRootPath)];
        return problems.Length > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }

    private IEnumerable<string> CheckAddress(ServerOptions options)
    {
        if (options.Port is < 1 or > 65535)
        {
            yield return $"Server:Port (PORT) must be between 1 and 65535 (is {options.Port}).";
        }

        if (options is { Port: 443, TrustProxy: false } && !Listening.HasOwnTls(configuration))
        {
            yield return "Server:Port is 443, but there is no certificate: set Kestrel:Certificates:Default:Path (and KeyPath or Password), " +
                "or let a proxy end TLS, set TRUST_PROXY=true and choose another port.";
        }

        foreach (var host in options.AllowedHosts.Where(host => host != "*" && Uri.CheckHostName((host.StartsWith("*.", StringComparison.Ordinal) ? host[2..] : host).Trim('[', ']')) == UriHostNameType.Unknown))
        {
            yield return $"Server:AllowedHosts has '{host}', which is no host name such as id.example.org or *.example.org: without scheme and port.";
        }

        if (options.MaxRequestBodyBytes < 64 * 1024)
        {
            yield return $"Server:MaxRequestBodyBytes must be at least 65536: a registration may be as large (is {options.MaxRequestBodyBytes}).";
        }

        if (options.DrainSeconds is < 0 or > 300)
        {
            yield return $"Server:DrainSeconds must be between 0 and 300 (is {options.DrainSeconds}).";
        }

        if (options.PublicBaseUrl is null)
        {
            yield return "Server:PublicBaseUrl (OAUTH_BASE_URL) must be set in Production: the https address that clients use.";
        }
        else if (!Uri.TryCreate(options.PublicBaseUrl, UriKind.Absolute, out var url) ||
                 (url.Scheme != Uri.UriSchemeHttps && url.Scheme != Uri.UriSchemeHttp) ||
                 url.AbsolutePath != "/" || url.Query.Length > 0 || url.Fragment.Length > 0 || url.UserInfo.Length > 0)
        {
            yield return $"Server:PublicBaseUrl must be an http or https origin without path, query or fragment (is '{options.PublicBaseUrl}').";
        }
        else if (url.Port == 0)
        {
            yield return $"Server:PublicBaseUrl (OAUTH_BASE_URL) is not set, and the port of {options.PublicBaseUrl} is chosen by the system: the address that clients use must be known before.";
        }
        else if (configuration["OAuth:Issuer"] is { Length: > 0 } issuer && Canonical(issuer) != options.PublicBaseUrl)
        {
            yield return $"OAuth:Issuer is '{issuer}', and the issuer is Server:PublicBaseUrl (OAUTH_BASE_URL), '{options.PublicBaseUrl}'. Set that, and leave OAuth:Issuer out.";
        }
        else if (environment.IsProduction() && url.Scheme != Uri.UriSchemeHttps)
        {
            yield return $"Server:PublicBaseUrl must be https in Production (is '{options.PublicBaseUrl}').";
        }
    }

    // RFC 3986 §6.2.2.1, §6.2.3: as browsers and clients spell it, who compare the issuer letter by letter.
    private static string? Canonical(string? address)
    {
        var text = address?.TrimEnd('/');
        return Uri.TryCreate(text, UriKind.Absolute, out var url) && url is { AbsolutePath: "/", Query: "", Fragment: "", UserInfo: "" } && url.Scheme is "http" or "https"
            ? url.GetLeftPart(UriPartial.Authority)
            : text;
    }

    private string LocalAddress()
    {
        try
        {
            return LocalEndpoint.From(configuration) is { Socket: null } endpoint ? endpoint.Address : $"http://localhost:{Listening.Port(configuration)}";
        }
        catch (FormatException)
        {
            return $"http://localhost:{Listening.Port(configuration)}"; // ListeningRules says what is wrong
        }
    }

    private IEnumerable<string> CheckProxies(ServerOptions options)
    {
        if (options.ForwardLimit < 1)
        {
            yield return $"Server:ForwardLimit must be 1 or more (is {options.ForwardLimit}): without a limit the client itself writes the first entry.";
        }

        foreach (var proxy in options.KnownProxies.Where(proxy => !IPAddress.TryParse(proxy, out _)))
        {
            yield return $"Server:KnownProxies has '{proxy}', which is no IP address.";
        }

        foreach (var text in options.KnownNetworks)
        {
            if (!IPNetwork.TryParse(text, out var network))
            {
                yield return $"Server:KnownNetworks has '{text}', which is no network such as 10.0.0.0/8.";
            }
            else if (environment.IsProduction() && network.PrefixLength < (network.BaseAddress.AddressFamily == AddressFamily.InterNetwork ? 8 : 16))
            {
                yield return $"Server:KnownNetworks has '{text}': whoever is in it can pretend to be anybody, and that is nearly everyone.";
            }
        }
    }
}
