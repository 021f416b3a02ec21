namespace McpIdentity.Mcp;

/// <summary>
/// A list of web origins as an operator writes it, the same for <c>Origin</c> headers and for CORS: <c>https://app.example</c>,
/// <c>chrome-extension://id</c>, a scheme of programs with all its origins (<c>vscode-webview://</c>), or a hosted client by its name.
/// </summary>
internal sealed class Origins
{
    /// <summary>Stands for every origin.</summary>
    public const string Anyone = "*";

    /// <summary>The web addresses from which hosted clients call, by the name that an entry has.</summary>
    public static readonly IReadOnlyDictionary<string, string[]> HostedClients = new Dictionary<string, string[]>(StringComparer.OrdinalIgnoreCase)
    {
        ["claude.ai"] = ["https://claude.ai", "https://claude.com"],
        ["chatgpt.com"] = ["https://chatgpt.com", "https://chat.openai.com"],
        ["vscode.dev"] = ["https://vscode.dev", "https://insiders.vscode.dev"],
    };

    // Of the web, or of nothing that sends an Origin header.
    private static readonly HashSet<string> NoProgram =
        new(["http", "https", "file", "ftp", "ws", "wss", "data", "blob", "about", "javascript", "mailto", "tel", "urn"], StringComparer.OrdinalIgnoreCase);

    private readonly HashSet<string> _origins = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> _schemes = new(StringComparer.OrdinalIgnoreCase);

    /// <param name="entries">Entries in which <see cref="FlawOf"/> found nothing.</param>
    public Origins(IEnumerable<string> entries)
    {
        foreach (var entry in entries)
        {
            if (entry == Anyone)
            {
                AllowsAnyone = true;
            }
            else if (HostedClients.TryGetValue(entry, out var hosted))
            {
                _origins.UnionWith(hosted);
            }
            else if (SchemeOf(entry) is { } scheme)
            {
                _schemes.Add(scheme);
            }
            else if (Parse(entry) is { } origin)
            {
                _origins.Add(origin);
            }
        }
    }

    public bool AllowsAnyone { get; }

    /// <param name="origin">A header's value; <c>null</c>, which sandboxed pages send, is nobody's origin and in no list.</param>
    public bool Contains(string origin) =>
        AllowsAnyone || (Parse(origin) is { } parsed && (_origins.Contains(parsed) || _schemes.Contains(parsed[..parsed.IndexOf(':', StringComparison.Ordinal)])));

    /// <summary>Why an entry would have no effect; null when it has one.</summary>
    public static string? FlawOf(string entry)
    {
        if (entry == Anyone || HostedClients.ContainsKey(entry) || SchemeOf(entry) is not null)
        {
            return null;
        }

        return Parse(entry) is not { } origin ? $"'{entry}' is no origin; write https://app.example.org, chrome-extension://…, vscode-webview://, {string.Join(", ", HostedClients.Keys)} or *"
            : !origin.Equals(entry, StringComparison.OrdinalIgnoreCase) ? $"'{entry}' is not what a browser sends; write {origin}"
            : null;
    }

    /// <summary>
    /// An origin as browsers send it (RFC 6454 §6.2): scheme, host, and a port that is not the scheme's own; null for what is
    /// none. Schemes of programs are compared as written, for no parser knows their hosts.
    /// </summary>
    public static string? Parse(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.IsFile || text.AsSpan().ContainsAny("\\ \t*,"))
        {
            return null;
        }

        if (url.Scheme is "http" or "https")
        {
            return url is { PathAndQuery: "/", Fragment: "", UserInfo: "" } ? $"{url.Scheme}://{Loopback.AuthorityOf(url)}" : null;
        }

        if (NoProgram.Contains(url.Scheme))
        {
            return null;
        }

        var authority = text.IndexOf("://", StringComparison.Ordinal) is var at and > 0 ? text[(at + 3)..].TrimEnd('/') : "";
        return authority.Length > 0 && !authority.AsSpan().ContainsAny("/?#@") ? $"{url.Scheme}://{authority}" : null;
    }

    // An editor gives every view of an extension an origin of its own, so that only the scheme can be listed. Of the web, never.
    private static string? SchemeOf(string entry) =>
        entry.EndsWith("://", StringComparison.Ordinal) && Uri.CheckSchemeName(entry[..^3]) && !NoProgram.Contains(entry[..^3])
            ? entry[..^3]
            : null;
}
