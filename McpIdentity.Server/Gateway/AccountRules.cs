using System.Net;
using McpIdentity.Mcp;
using McpIdentity.Server.Settings;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Gateway;

/// <summary>Refuses what people could not connect their accounts with, or what would show their tokens or our secret to others (<c>Upstream:Auth</c> <c>OAuth</c>).</summary>
internal static class AccountRules
{
    private static readonly string[] Ours =
    [
        Parameters.ClientId, Parameters.ClientSecret, Parameters.ResponseType, Parameters.ResponseMode, Parameters.RedirectUri, Parameters.Scope, Parameters.State, Parameters.Nonce,
        Parameters.CodeChallenge, Parameters.CodeChallengeMethod, Parameters.Resource, Parameters.Request, Parameters.RequestUri, "registration", "dpop_jkt",
    ];

    /// <summary>What is wrong with one server.</summary>
    /// <param name="server">What is said of it.</param>
    /// <param name="setting">How messages name it.</param>
    public static IEnumerable<string> Check(FrontedServerOptions server, string setting)
    {
        var upstream = server.Upstream;
        if (upstream.Auth != UpstreamAuth.OAuth)
        {
            if (upstream.Issuer is not null || upstream.Resource is not null || upstream.AuthorizationParameters.Count > 0 || upstream.AllowedNetworks.Count > 0)
            {
                yield return $"{setting}:Upstream has an Issuer, Resource, AuthorizationParameters or AllowedNetworks, but its Auth is {upstream.Auth}: set Auth to OAuth, or remove it.";
            }

            yield break;
        }

        if (Uri.TryCreate(server.Url, UriKind.Absolute, out var url) && url.Scheme is "http" && !Loopback.IsSafe(url))
        {
            yield return $"{setting}:Url is '{url.GetLeftPart(UriPartial.Path)}', and its Auth is OAuth: the tokens of people would go there in clear. It is an https URL, or one on loopback.";
        }

        if (upstream.TokenEndpoint is not null)
        {
            yield return $"{setting}:Upstream:TokenEndpoint is set, but its Auth is OAuth, where the server's own metadata names it: remove it.";
        }

        if (upstream is { ClientSecret: not null, ClientId: null or "" })
        {
            yield return $"{setting}:Upstream:ClientSecret needs the ClientId that it is of.";
        }

        if (string.IsNullOrEmpty(upstream.Issuer))
        {
            if (!string.IsNullOrEmpty(upstream.ClientId))
            {
                yield return $"{setting}:Upstream:Issuer is missing: say at which authorization server its ClientId was registered, by the issuer of its metadata (https://github.com/login/oauth). " +
                    "Without it, whatever authorization server the MCP server names would be shown the client's secret.";
            }
        }
        else if (!Uri.TryCreate(upstream.Issuer, UriKind.Absolute, out var issuer) || !Loopback.IsSafe(issuer) || issuer is not { UserInfo: "", Query: "", Fragment: "" })
        {
            yield return $"{setting}:Upstream:Issuer is '{upstream.Issuer}'; it is the https URL (http on loopback) by which the authorization server calls itself, without query and fragment (RFC 8414 §2).";
        }

        if (upstream.Resource is { Length: > 0 } && (!Uri.TryCreate(upstream.Resource, UriKind.Absolute, out var resource) || resource.Fragment.Length > 0))
        {
            yield return $"{setting}:Upstream:Resource is '{upstream.Resource}'; it is an absolute URI without fragment (RFC 8707 §2), or empty.";
        }

        foreach (var name in upstream.AuthorizationParameters.Keys.Where(name => Ours.Contains(name, StringComparer.OrdinalIgnoreCase)))
        {
            var instead = new[] { nameof(upstream.Scope), nameof(upstream.Resource), nameof(upstream.ClientSecret) }.FirstOrDefault(other => other.Equals(name.Replace("_", ""), StringComparison.OrdinalIgnoreCase));
            yield return $"{setting}:Upstream:AuthorizationParameters has {name}, which this server says itself: remove it{(instead is null ? "" : $", and set {setting}:Upstream:{instead}")}.";
        }

        foreach (var network in upstream.AllowedNetworks.Where(network => !IPNetwork.TryParse(network, out _)))
        {
            yield return $"{setting}:Upstream:AllowedNetworks has '{network}', which is no network such as 10.1.2.0/24: the first address and the length of the prefix.";
        }
    }
}
