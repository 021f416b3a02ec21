using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace McpIdentity.Server.Doctor;

/// <summary>
/// The way of an MCP client before anybody signs in, at any server: from the call without a token to the authorization server's metadata. Here it is only walked;
/// <see cref="WayChecks"/> and <see cref="ClientVerdicts"/> judge what was met.
/// </summary>
internal sealed partial class ClientWay
{
    /// <summary>Where a client lives that runs in a browser.</summary>
    public const string BrowserClient = "http://localhost:6274";

    private const string Initialize = """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"doctor","version":"1"}}}""";
    private const string Call = """{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"whoami","arguments":{}}}""";

    private ClientWay(Uri mcp) => Mcp = mcp;

    /// <summary>The endpoint, as the person gives it to their client.</summary>
    public Uri Mcp { get; private set; }

    public string Origin => Mcp.GetLeftPart(UriPartial.Authority);

    public string? CertificateProblem { get; private set; }

    public DateTime? CertificateUntil { get; private set; }

    /// <summary>What a call without a token was answered.</summary>
    public Answer Challenge { get; private set; } = Answer.None("it was not asked");

    /// <summary><c>resource_metadata</c> of the 401 (RFC 9728 §5.1).</summary>
    public string? MetadataAt { get; private set; }

    public Document? NamedResource { get; private set; }

    public Document PathResource { get; private set; } = Document.NotAsked;

    public Document RootResource { get; private set; } = Document.NotAsked;

    /// <summary>The one that a client finds first: by the header, then by the path, then at the root.</summary>
    public Document? Resource => new[] { NamedResource, PathResource, RootResource }.FirstOrDefault(document => document?.Json is not null);

    public IReadOnlyList<string> Issuers => Resource is { } resource ? resource.Items("authorization_servers") : [];

    /// <summary>Whose metadata is read: the first that the resource names; where it names none, the origin itself, as clients of 2025-03-26 do.</summary>
    public string Issuer { get; private set; } = "";

    /// <summary>RFC 8414 §3.1.</summary>
    public Document OAuth { get; private set; } = Document.NotAsked;

    /// <summary>OpenID Connect Discovery §4, in the forms that MCP has clients try.</summary>
    public Document OpenId { get; private set; } = Document.NotAsked;

    /// <summary>Where a client of 2025-03-26 looks: at the root of the MCP server's own origin.</summary>
    public Document AtOrigin { get; private set; } = Document.NotAsked;

    public Document? Server => OAuth.Json is not null ? OAuth : OpenId.Json is not null ? OpenId : null;

    /// <summary>An address under <c>/.well-known</c> at which there is nothing.</summary>
    public Answer Unknown { get; private set; } = Answer.None("it was not asked");

    public Document? Keys { get; private set; }

    /// <summary>A code that nobody was given, at the token endpoint.</summary>
    public Answer? Token { get; private set; }

    /// <summary>A client that nobody knows, at the authorization endpoint.</summary>
    public Answer? Authorize { get; private set; }

    public Answer Preflight { get; private set; } = Answer.None("it was not asked");

    /// <summary>The call without a token, from a page of <see cref="BrowserClient"/>.</summary>
    public Answer FromBrowser { get; private set; } = Answer.None("it was not asked");

    /// <param name="url">The endpoint, or the address of a server whose endpoint is <c>/mcp</c>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<ClientWay> WalkAsync(Uri url, CancellationToken cancellationToken)
    {
        using var asking = new Asking(url);
        var way = new ClientWay(url);
        await way.MeetAsync(asking, cancellationToken);
        if (way.Challenge.IsThere)
        {
            await way.ReadResourceAsync(asking, cancellationToken);
            await way.ReadServerAsync(asking, cancellationToken);
            await way.TryEndpointsAsync(asking, cancellationToken);
        }

        (way.CertificateProblem, way.CertificateUntil) = (asking.CertificateProblem, asking.CertificateUntil);
        return way;
    }

    /// <summary>A member of the authorization server's metadata.</summary>
    public string? Text(string member) => Server?.Text(member);

    public bool Has(string member, string value) => Server?.Items(member).Contains(value) == true;

    public bool IsTrue(string member) => Server?.Json is { } json && json.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.True;

    public bool TakesDocuments => IsTrue("client_id_metadata_document_supported") && Has("token_endpoint_auth_methods_supported", "none");

    private async Task MeetAsync(Asking asking, CancellationToken cancellationToken)
    {
        if (Mcp.AbsolutePath is "" or "/")
        {
            // The root may be the endpoint itself, and then it answers as one.
            Challenge = await PostAsync(asking, Mcp, Initialize, cancellationToken);
            if (!Challenge.IsThere || Challenge.Status == HttpStatusCode.Unauthorized || (Challenge.Status == HttpStatusCode.OK && !Challenge.IsHtml))
            {
                Mcp = new Uri(Mcp, "/");
            }
            else
            {
                Mcp = new Uri(Mcp, "/mcp");
            }
        }

        // Some let everybody begin, and ask for a token when something is to be done.
        Challenge = await PostAsync(asking, Mcp, Initialize, cancellationToken);
        Challenge = Challenge.Status == HttpStatusCode.OK ? await PostAsync(asking, Mcp, Call, cancellationToken) : Challenge;
        MetadataAt = ResourceMetadata().Match(Challenge.Header("WWW-Authenticate") ?? "") is { Success: true } match ? match.Groups[1].Value : null;
    }

    private async Task ReadResourceAsync(Asking asking, CancellationToken cancellationToken)
    {
        var path = Mcp.AbsolutePath.TrimEnd('/');
        NamedResource = Uri.TryCreate(MetadataAt, UriKind.Absolute, out var named) && named.Scheme is "http" or "https" ? await Document.ReadAsync(asking, MetadataAt!, cancellationToken) : null;
        PathResource = await Document.ReadAsync(asking, $"{Origin}/.well-known/oauth-protected-resource{path}", cancellationToken);
        RootResource = path.Length == 0 ? PathResource : await Document.ReadAsync(asking, $"{Origin}/.well-known/oauth-protected-resource", cancellationToken);
    }

    private async Task ReadServerAsync(Asking asking, CancellationToken cancellationToken)
    {
        Issuer = Issuers.Count > 0 ? Issuers[0] : Origin;
        AtOrigin = await Document.ReadAsync(asking, $"{Origin}/.well-known/oauth-authorization-server", cancellationToken);
        if (!Uri.TryCreate(Issuer, UriKind.Absolute, out var issuer) || issuer.Scheme is not ("http" or "https"))
        {
            return;
        }

        var (origin, path) = (issuer.GetLeftPart(UriPartial.Authority), issuer.AbsolutePath.TrimEnd('/'));
        OAuth = origin == Origin && path.Length == 0 ? AtOrigin : await Document.ReadAsync(asking, $"{origin}/.well-known/oauth-authorization-server{path}", cancellationToken);
        OpenId = await Document.ReadAsync(asking, $"{origin}/.well-known/openid-configuration{path}", cancellationToken);
        OpenId = OpenId.Json is null && path.Length > 0 ? await Document.ReadAsync(asking, $"{origin}{path}/.well-known/openid-configuration", cancellationToken) : OpenId;
        Unknown = await asking.GetAsync($"{origin}/.well-known/doctor-asks-for-what-is-not-there", cancellationToken);
    }

    private async Task TryEndpointsAsync(Asking asking, CancellationToken cancellationToken)
    {
        using var preflight = new HttpRequestMessage(HttpMethod.Options, Mcp)
        {
            Headers = { { "Origin", BrowserClient }, { "Access-Control-Request-Method", "POST" }, { "Access-Control-Request-Headers", "authorization,content-type,mcp-protocol-version" } },
        };
        Preflight = await asking.SendAsync(preflight, cancellationToken);
        using var call = new HttpRequestMessage(HttpMethod.Post, Mcp)
        {
            Content = new StringContent(Call, Encoding.UTF8, "application/json"),
            Headers = { { "Accept", "application/json, text/event-stream" }, { "Origin", BrowserClient } },
        };
        FromBrowser = await asking.SendAsync(call, cancellationToken);
        Keys = Text("jwks_uri") is { Length: > 0 } keys ? await Document.ReadAsync(asking, keys, cancellationToken) : null;
        if (Endpoint("token_endpoint") is { } token)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, token)
            {
                Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["grant_type"] = "authorization_code", ["code"] = "doctor", ["client_id"] = "doctor", ["redirect_uri"] = "http://localhost/doctor", ["code_verifier"] = new('a', 43) }),
            };
            Token = await asking.SendAsync(request, cancellationToken);
        }

        if (Endpoint("authorization_endpoint") is { } authorize)
        {
            var query = $"response_type=code&client_id=doctor&redirect_uri=https%3A%2F%2Fdoctor.invalid%2Fcallback&state=doctor&code_challenge={new string('A', 43)}&code_challenge_method=S256";
            Authorize = await asking.GetAsync($"{authorize}{(authorize.Query.Length > 0 ? "&" : "?")}{query}", cancellationToken);
        }
    }

    private Uri? Endpoint(string member) => Uri.TryCreate(Text(member), UriKind.Absolute, out var url) && url.Scheme is "http" or "https" ? url : null;

    private static async Task<Answer> PostAsync(Asking asking, Uri url, string message, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, url)
        {
            Content = new StringContent(message, Encoding.UTF8, "application/json"),
            Headers = { { "Accept", "application/json, text/event-stream" } },
        };
        return await asking.SendAsync(request, cancellationToken);
    }

    [GeneratedRegex("resource_metadata=\"([^\"]+)\"")]
    private static partial Regex ResourceMetadata();
}

/// <summary>A JSON document at an address.</summary>
/// <param name="Address">Where it was looked for.</param>
/// <param name="Answer">What came.</param>
/// <param name="Json">Null: no object.</param>
internal sealed record Document(string Address, Answer Answer, JsonElement? Json)
{
    public static readonly Document NotAsked = new("", Answer.None("it was not asked for"), null);

    public static async Task<Document> ReadAsync(Asking asking, string address, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
        {
            return new(address, Answer.None($"'{address}' is no address"), null);
        }

        using var request = new HttpRequestMessage(HttpMethod.Get, url) { Headers = { { "Accept", "application/json" }, { "Origin", ClientWay.BrowserClient }, { "MCP-Protocol-Version", "2025-11-25" } } };
        var answer = await asking.SendAsync(request, cancellationToken);
        return new(address, answer, answer.Status == HttpStatusCode.OK ? answer.Object() : null);
    }

    public string? Text(string member) => Json is { } json && json.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    public IReadOnlyList<string> Items(string member) => Json is { } json && json.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.Array
        ? [.. value.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!)]
        : [];

    /// <summary>What stands in its place, for a message.</summary>
    public override string ToString() => $"{Address}: {Answer}";
}
