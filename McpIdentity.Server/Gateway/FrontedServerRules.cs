using System.Text.RegularExpressions;
using McpIdentity.Mcp;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Gateway;

/// <summary>Refuses servers that nobody could reach, and those that would take an address of ours or of one another.</summary>
internal sealed partial class FrontedServerRules(IOptions<McpOptions> mcp, IOptions<OAuthServerOptions> oauth, PublicAddress address) : IValidateOptions<GatewayOptions>
{
    private const int MaxNameLength = 63;

    private static readonly string[] ReservedHeaders = ["Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Accept", "Mcp-Session-Id", "Mcp-Method", "Mcp-Name", "MCP-Protocol-Version", "Last-Event-ID", "traceparent"];

    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        string[] problems =
        [
            .. options.Servers.SelectMany(server => Check(server.Key, server.Value, $"{GatewayOptions.Section}:{nameof(GatewayOptions.Servers)}:{server.Key}")),
            .. options.Servers.GroupBy(server => FrontedServer.PathOf(server.Key, server.Value), StringComparer.OrdinalIgnoreCase).Where(same => same.Count() > 1)
                .Select(same => $"Gateway:Servers: {string.Join(" and ", same.Select(server => server.Key))} are at the same Path, {same.Key}."),
            .. options.Servers.Count > 0 && Value(oauth) is { Enabled: false } ? ["Gateway:Servers needs this authorization server, but OAuth:Enabled (OAUTH_ENABLED) is false."] : Array.Empty<string>(),
            .. options.CatalogueRefresh != TimeSpan.Zero && (options.CatalogueRefresh < TimeSpan.FromMinutes(1) || options.CatalogueRefresh > TimeSpan.FromDays(7))
                ? [$"Gateway:CatalogueRefresh is {options.CatalogueRefresh}; allowed: 00:01:00 to 7.00:00:00, or 00:00:00 for never."] : Array.Empty<string>(),
        ];
        return problems.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    /// <summary>What is wrong with one server.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="server">What is said of it.</param>
    /// <param name="setting">How messages name it.</param>
    public IEnumerable<string> Check(string name, FrontedServerOptions server, string setting)
    {
        if (!Name().IsMatch(name))
        {
            yield return $"{setting}: a name has 1 to {MaxNameLength} lower-case letters, digits, - and _; it stands in addresses.";
        }

        if (!IsUrl(server.Url))
        {
            yield return $"{setting}:Url {(server.Url is null ? "is missing" : $"is '{server.Url}'")}; it is the http or https URL of an MCP endpoint, without user name and fragment.";
        }

        var path = FrontedServer.PathOf(name, server);
        if (!PathForm().IsMatch(path) || path.Split('/').Any(segment => segment is "." or ".." or ".well-known"))
        {
            yield return $"{setting}:Path is '{path}'; a path has letters, digits, - . _ ~ between slashes, none at its end, and no part that is ., .. or .well-known.";
        }
        else if (Paths.IsTaken(path) || (Value(mcp) is { } own && path.Equals(own.Path, StringComparison.OrdinalIgnoreCase)) ||
            (Value(oauth) is { } authorization && path.Equals(authorization.CallbackPath, StringComparison.OrdinalIgnoreCase)) || new PathString(path).StartsWithSegments(Paths.OAuth))
        {
            yield return $"{setting}:Path is {path}, the address of another endpoint or page of this server: choose one of its own, such as /mcp/{name}.";
        }

        else if (Value(oauth) is { } known && UrlOf(path) is { } url && known.Resources.Any(resource => ResourceRules.IsResourceIdentifier(resource.Resource) && ProtectedResources.IsSame(new Uri(resource.Resource!), url)))
        {
            yield return $"{setting}: {url} is an entry of OAuth:Resources already, which would hold in its place: remove it there.";
        }

        if (server.DisplayName is { } called && !ResourceRules.AreWords(called))
        {
            yield return $"{setting}:DisplayName must have 1 to {ResourceRules.MaxMeaning} characters.";
        }

        foreach (var problem in CheckScopes(server, setting).Concat(CheckUpstream(server.Upstream, $"{setting}:Upstream")).Concat(AccountRules.Check(server, setting)))
        {
            yield return problem;
        }

        if (server.Timeout < TimeSpan.FromSeconds(1) || server.Timeout > TimeSpan.FromHours(1))
        {
            yield return $"{setting}:Timeout is {server.Timeout}; allowed: 00:00:01 to 01:00:00.";
        }

        foreach (var (number, value) in new[]
        {
            (nameof(server.MaxAnswerBytes), server.MaxAnswerBytes), (nameof(server.MaxConcurrentCalls), server.MaxConcurrentCalls),
            (nameof(server.MaxConcurrentStreams), server.MaxConcurrentStreams), (nameof(server.MaxCallsPerCaller), server.MaxCallsPerCaller), (nameof(server.MaxStreamsPerCaller), server.MaxStreamsPerCaller),
            (nameof(server.MaxRequests), server.MaxRequests ?? 1), (nameof(server.MaxToolCalls), server.MaxToolCalls ?? 1),
        })
        {
            if (value < 1)
            {
                yield return $"{setting}:{number} is {value}; it must be at least 1.";
            }
        }
    }

    private static IEnumerable<string> CheckScopes(FrontedServerOptions server, string setting)
    {
        foreach (var (scope, meaning) in server.Scopes)
        {
            if (!ResourceRules.IsScope(scope) || ServerScopes.OfPeople.Any(known => known.Name == scope))
            {
                yield return $"{setting}:Scopes has '{scope}'; a scope is printable ASCII without spaces, quotes and backslashes (RFC 6749 §3.3), and none that this server grants everywhere.";
            }

            if (!ResourceRules.AreWords(meaning))
            {
                yield return $"{setting}:Scopes:{scope} must say in 1 to {ResourceRules.MaxMeaning} characters what a person allows with it: the consent page shows it.";
            }
        }

        string[] known = [.. server.Scopes.Count > 0 ? server.Scopes.Keys : ServerScopes.OfMcpServers.Select(scope => scope.Name)];
        foreach (var (where, scope) in server.DefaultScopes.Select(scope => (nameof(server.DefaultScopes), scope))
            .Concat(server.Tools.SelectMany(tool => tool.Value.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(scope => ($"{nameof(server.Tools)}:{tool.Key}", scope))))
            .Where(named => !known.Contains(named.scope, StringComparer.Ordinal)))
        {
            yield return $"{setting}:{where} has '{scope}', which is none of its scopes: {string.Join(", ", known)}.";
        }
    }

    private static IEnumerable<string> CheckUpstream(UpstreamOptions upstream, string setting)
    {
        if (upstream.Auth == UpstreamAuth.TokenExchange)
        {
            if (!Uri.TryCreate(upstream.TokenEndpoint, UriKind.Absolute, out var endpoint) || !Loopback.IsSafe(endpoint) || endpoint is not { UserInfo: "", Fragment: "" })
            {
                yield return $"{setting}:TokenEndpoint must be the token endpoint of an authorization server: an https URL (http on loopback).";
            }

            if (string.IsNullOrEmpty(upstream.ClientId))
            {
                yield return $"{setting}:ClientId is missing: Auth is TokenExchange, and an authorization server knows its clients by it.";
            }
        }
        else if (upstream.Auth != UpstreamAuth.OAuth && (upstream.TokenEndpoint is not null || upstream.ClientId is not null || upstream.ClientSecret is not null || upstream.Scope is not null))
        {
            yield return $"{setting} has a TokenEndpoint, ClientId, ClientSecret or Scope, but its Auth is {upstream.Auth}: set Auth to TokenExchange or OAuth, or remove it.";
        }

        if (upstream.Audience is not null && upstream.Auth is not (UpstreamAuth.Identity or UpstreamAuth.TokenExchange))
        {
            yield return $"{setting}:Audience is set, but its Auth is {upstream.Auth}, which has none: set Auth to Identity or TokenExchange, or remove it.";
        }

        if (upstream.Grant != default && upstream.Auth != UpstreamAuth.TokenExchange)
        {
            yield return $"{setting}:Grant is {upstream.Grant}, but its Auth is {upstream.Auth}, which asks for none: set Auth to TokenExchange, or remove it.";
        }

        var hasValue = !string.IsNullOrEmpty(upstream.Value);
        var hasFile = !string.IsNullOrEmpty(upstream.ValueFile);
        if (upstream.Auth != UpstreamAuth.Header)
        {
            if (hasValue || hasFile)
            {
                yield return $"{setting} has a Value or ValueFile, but its Auth is {upstream.Auth}: set Auth to Header, or remove it.";
            }
        }
        else if (hasValue == hasFile)
        {
            yield return $"{setting}:Auth is Header, which needs {(hasValue ? "either Value or ValueFile, not both" : "Value or ValueFile")}.";
        }
        else if (!HeaderName().IsMatch(upstream.Header) || ReservedHeaders.Contains(upstream.Header, StringComparer.OrdinalIgnoreCase))
        {
            yield return $"{setting}:Header is '{upstream.Header}'; it is the name of an HTTP header that carries nothing else.";
        }
        else if (hasValue && !UpstreamCredentials.IsHeaderValue(upstream.Value!))
        {
            yield return $"{setting}:Value has characters that no HTTP header can carry.";
        }
        else if (hasFile && !File.Exists(upstream.ValueFile))
        {
            yield return $"{setting}:ValueFile '{upstream.ValueFile}' does not exist.";
        }
    }

    private static bool IsUrl(string? value) =>
        Uri.TryCreate(value, UriKind.Absolute, out var url) && url is { UserInfo: "", Fragment: "", Host.Length: > 0 } && url.Scheme is "http" or "https";

    private Uri? UrlOf(string path)
    {
        try
        {
            return new Uri(address.UrlOf(path));
        }
        catch (OptionsValidationException)
        {
            return null; // said by the rules of Server
        }
    }

    // What is wrong with other sections is said by their own rules.
    private static T? Value<T>(IOptions<T> options)
        where T : class
    {
        try
        {
            return options.Value;
        }
        catch (OptionsValidationException)
        {
            return null;
        }
    }

    [GeneratedRegex("^[a-z0-9][a-z0-9_-]{0,62}$")]
    private static partial Regex Name();

    [GeneratedRegex("^(/[A-Za-z0-9._~-]+)+$")]
    private static partial Regex PathForm();

    // RFC 9110 §5.6.2.
    [GeneratedRegex("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
    private static partial Regex HeaderName();
}
