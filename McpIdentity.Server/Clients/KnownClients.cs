using System.Globalization;
using McpIdentity.Mcp;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Clients;

/// <summary>
/// Names that people trust, and where answers for them go: of clients that are in wide use, and of the operator's own.
/// Whoever looks like one of them and is sent the answer elsewhere is marked on our pages.
/// </summary>
internal sealed class KnownClients
{
    // A name of a few letters would be found within other words.
    private const int MinimumLength = 5;

    private readonly ClientPreset[] _needSecret;
    private readonly KnownClient[] _all;

    public KnownClients(IOptions<OAuthServerOptions> options)
    {
        var presets = ClientPreset.ListFrom(options.Value, out _);
        _needSecret = [.. presets.Where(preset => preset.NeedsSecret)];
        _all =
        [
            .. presets.Where(preset => preset.Names is not null)
                .Select(preset => new KnownClient(preset.Name, [.. preset.Names!], [.. preset.Hosts ?? []], [.. preset.Schemes ?? []])),
            // One that is made from a preset is known as that.
            .. ConfiguredClients.ListFrom(options.Value).Select(client => client.Options)
                .Where(client => client is { Name.Length: > 0, Preset: null })
                .Select(client => KnownClient.OfOperator(client.Name!, client.RedirectUris))
                .Where(client => client.Skeletons.All(skeleton => skeleton.Length >= MinimumLength)),
        ];
    }

    /// <summary>
    /// Has a client registered with a secret that contradicts itself: it asks for none, and goes no further without one
    /// (docs/interoperability.md, "A secret that was not asked for"). RFC 7591 §3.2.1 lets us replace the method. Whose all redirect
    /// URIs are such a client's is that client, or gains nothing.
    /// </summary>
    public void GiveSecret(ClientMetadata metadata)
    {
        if (metadata is { TokenEndpointAuthMethod: ClientAuthenticationMethods.None, RedirectUris: { Count: > 0 } uris } &&
            Array.Exists(_needSecret, preset => uris.All(uri => preset.RedirectUris?.Contains(uri.GetString()) == true)))
        {
            metadata.TokenEndpointAuthMethod = ClientAuthenticationMethods.ClientSecretPost;
            metadata.GrantTypes ??= ClientRegistrar.DefaultGrantTypes(ClientAuthenticationMethods.None);
        }
    }

    /// <param name="name">What a client calls itself.</param>
    /// <param name="redirectUri">Where the answer goes.</param>
    /// <param name="verifiedHost">Whose document gives it the name; null for a client that named itself.</param>
    /// <returns>The name of the client that it looks like and is not known to be; null when there is none.</returns>
    public string? ResembledBy(string name, string redirectUri, string? verifiedHost = null)
    {
        // Whose name it is says the host that has published it, wherever the answer goes.
        var target = new Uri(verifiedHost is null ? redirectUri : $"https://{verifiedHost}/");
        var isWeb = verifiedHost is not null || (target.Scheme is "http" or "https" && !Loopback.Is(target));
        var skeleton = LookAlikes.SkeletonOf(name);
        var host = isWeb ? LookAlikes.SkeletonOf(ReadableHost(target)) : "";
        return _all.FirstOrDefault(known => known.Resembles(skeleton, host) && !known.Receives(target, isWeb) ||
            known.IsMisspelledBy(name, skeleton))?.Name;
    }

    /// <summary>Whose links those of a private scheme are; null for every other address, and for a scheme that nobody is known by.</summary>
    public string? OwnerOf(string redirectUri)
    {
        var target = new Uri(redirectUri);
        return target.Scheme is "http" or "https" ? null : _all.FirstOrDefault(known => known.Receives(target, isWeb: false))?.Name;
    }

    // As a person would read it: a host name of other letters arrives as punycode (RFC 5890 §2.3.2.1).
    private static string ReadableHost(Uri target)
    {
        try
        {
            return new IdnMapping().GetUnicode(target.IdnHost);
        }
        catch (ArgumentException)
        {
            return target.IdnHost;
        }
    }

    private sealed record KnownClient(string Name, string[] Names, string[] Hosts, string[] Schemes, bool IsOperators = false)
    {
        public string[] Skeletons { get; } = [.. Names.Select(LookAlikes.SkeletonOf)];

        public static KnownClient OfOperator(string name, IEnumerable<string> redirectUris)
        {
            var uris = redirectUris.Select(uri => new Uri(uri)).ToList();
            return new KnownClient(name, [name], [.. uris.Where(uri => uri.Scheme is "https").Select(uri => uri.Host)], [.. uris.Select(uri => uri.Scheme)], IsOperators: true);
        }

        public bool Resembles(string skeleton, string host) =>
            Skeletons.Any(known => IsIn(known, skeleton) || (!IsOperators && host.Contains(known, StringComparison.Ordinal)));

        // Any program may run on the person's computer, this one among them: there the name alone says nothing.
        public bool Receives(Uri target, bool isWeb) => target switch
        {
            _ when isWeb => Hosts.Any(host => target.IdnHost == host || target.IdnHost.EndsWith("." + host, StringComparison.Ordinal)),
            { Scheme: "http" or "https" } => true,
            _ => Schemes.Contains(target.Scheme),
        };

        // Whoever is that client has no need of Cyrillic letters or of a digit for a letter.
        public bool IsMisspelledBy(string name, string skeleton)
        {
            var written = string.Concat(name.Where(char.IsLetterOrDigit));
            return Names.Zip(Skeletons).Any(known => IsIn(known.Second, skeleton) &&
                !written.Contains(string.Concat(known.First.Where(char.IsLetterOrDigit)), StringComparison.OrdinalIgnoreCase));
        }

        // An operator may call a client by any word, which is then no reason to mark whoever has it in a longer name.
        private bool IsIn(string known, string skeleton) =>
            IsOperators ? skeleton == known : skeleton.Contains(known, StringComparison.Ordinal);
    }
}
