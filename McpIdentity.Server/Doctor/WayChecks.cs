using System.Net;
using System.Text.Json;
using McpIdentity.Server.Operations;

namespace McpIdentity.Server.Doctor;

/// <summary>What a client meets on its way (<see cref="ClientWay"/>), each step judged by itself: most failed connections end at one of these.</summary>
internal static class WayChecks
{
    private static readonly string[] NeededEndpoints = ["authorization_endpoint", "token_endpoint"];
    private static readonly string[] NeededHeaders = ["authorization", "mcp-protocol-version"];

    private const string Cors = "docs/interoperability.md, \"CORS\"";

    private static readonly Check Reach = new("mcp.reach", Verdict.Fail, "Does anything answer at the address?", "Does it run, is the address right, and does a firewall or a bot protection stand before it?", "docs/interoperability.md, \"Hosted clients that say nothing\"");
    private static readonly Check Certificate = new("mcp.certificate", Verdict.Fail, "Is its certificate valid, for this name, and for the next weeks?", "Renew it, with the certificates of its authorities behind it (fullchain): clients refuse it otherwise.", "RFC 9110 §4.3.4");
    private static readonly Check Challenge = new("mcp.challenge", Verdict.Fail, "Is a call without a token answered 401?", "Answer 401 with WWW-Authenticate, never a page, a redirect or 200: only a 401 makes a client sign in.", "RFC 6750 §3");
    private static readonly Check Named = new("mcp.resource-metadata", Verdict.Warn, "Does the 401 name the address of the metadata, and is it there?", "Send WWW-Authenticate: Bearer resource_metadata=\"…\" with the whole address; a proxy must not take the header away.", "RFC 9728 §5.1");

    private static readonly Check Metadata = new("resource.metadata", Verdict.Fail, "Does the resource describe itself?", "Serve /.well-known/oauth-protected-resource followed by the endpoint's path, as JSON with status 200.", "RFC 9728 §3.1");
    private static readonly Check PathForm = new("resource.path-form", Verdict.Warn, "Is that description also where the endpoint's path leads?", "Serve it there too: clients that were given no address look there.", "RFC 9728 §3.1");
    private static readonly Check Identifier = new("resource.identifier", Verdict.Fail, "Is the resource called as the person calls it?", "Use one address everywhere: the resource must be the URL that the client was given (at this server Server:PublicBaseUrl, OAUTH_BASE_URL).", "RFC 9728 §3.3");
    private static readonly Check Servers = new("resource.servers", Verdict.Fail, "Does it name its authorization server?", "Name one in authorization_servers.", "RFC 9728 §2");

    private static readonly Check OAuth = new("metadata.oauth", Verdict.Fail, "Does the authorization server describe itself?", "Serve /.well-known/oauth-authorization-server (followed by the issuer's path) as JSON with status 200, or openid-configuration.", "RFC 8414 §3.1");
    private static readonly Check OpenId = new("metadata.openid", Verdict.Note, "Does it do so for clients of OpenID Connect too?", "Serve /.well-known/openid-configuration too: some clients ask for nothing else.", "docs/interoperability.md, \"Metadata paths\"");
    private static readonly Check Issuer = new("metadata.issuer", Verdict.Fail, "Is the issuer in every document what the resource names, byte for byte?", "Set OAUTH_BASE_URL (Server:PublicBaseUrl) to the address that clients use, without a slash at its end; behind a proxy also TRUST_PROXY=true.", "RFC 8414 §3.3");
    private static readonly Check Endpoints = new("metadata.endpoints", Verdict.Fail, "Does it name its endpoints, over https?", "authorization_endpoint and token_endpoint must be there, and https where the server is.", "RFC 8414 §2");
    private static readonly Check Pkce = new("metadata.pkce", Verdict.Fail, "Does every document say that PKCE with S256 is served?", "Name [\"S256\"] in code_challenge_methods_supported, in both documents: clients stop without it.", "RFC 7636 §4.2");
    private static readonly Check Registration = new("metadata.registration", Verdict.Warn, "Can a client become known by itself, by registration or by a document?", "Serve a registration endpoint or client ID metadata documents; else every client must be made by an operator.", "RFC 7591 §3");
    private static readonly Check Documents = new("metadata.documents", Verdict.Note, "Can a client be known by its document?", "Say client_id_metadata_document_supported: true, and name none in token_endpoint_auth_methods_supported.", "docs/client-documents.md, \"Client ID metadata documents\"");
    private static readonly Check Iss = new("metadata.iss", Verdict.Note, "Does the answer of an authorization say whose it is?", "Send iss, and say authorization_response_iss_parameter_supported: true.", "RFC 9207 §3");
    private static readonly Check Unknown = new("metadata.unknown", Verdict.Warn, "Is what is not there a plain 404?", "Answer 404 without a page below /.well-known: clients try several addresses there, and take a page or a 5xx for the end.", "docs/interoperability.md, \"JSON 404 under well-known\"");
    private static readonly Check Keys = new("metadata.keys", Verdict.Fail, "Are its keys published?", "jwks_uri must lead to a JSON key set with at least one key.", "RFC 7517 §5");

    private static readonly Check TokenErrors = new("token.errors", Verdict.Fail, "Is a refusal of the token endpoint JSON?", "Answer 400 or 401 with {\"error\": …}, never a page, a redirect or a 5xx; look at what stands before the endpoint.", "RFC 6749 §5.2");
    private static readonly Check Authorize = new("authorize.unknown", Verdict.Fail, "Is a client that nobody knows told so, and sent nowhere?", "Answer it with a page: whoever redirects to an address that was not registered is an open redirector.", "RFC 6749 §4.1.2.1");

    private static readonly Check Preflight = new("cors.preflight", Verdict.Warn, "May a client in a browser call?", "Allow its origin, POST and the headers authorization, content-type and mcp-protocol-version (at this server Cors:Origin).", Cors);
    private static readonly Check Exposed = new("cors.exposed", Verdict.Warn, "May it read what the 401 says?", "Send Access-Control-Expose-Headers: WWW-Authenticate, on errors too.", Cors);
    private static readonly Check OfMetadata = new("cors.metadata", Verdict.Warn, "May it read the metadata?", "Send Access-Control-Allow-Origin with the metadata too.", Cors);

    public static IReadOnlyList<Check> Checks { get; } =
    [
        Reach, Certificate, Challenge, Named, Metadata, PathForm, Identifier, Servers, OAuth, OpenId, Issuer, Endpoints, Pkce, Registration, Documents, Iss, Unknown, Keys, TokenErrors, Authorize, Preflight, Exposed, OfMetadata,
    ];

    public static IReadOnlyList<CheckResult> Judge(ClientWay way)
    {
        if (!way.Challenge.IsThere)
        {
            return [Reach.Bad($"{way.Mcp} does not answer: {way.Challenge}")];
        }

        List<CheckResult> results = [Reach.Pass($"{way.Mcp} answers"), .. JudgeCertificate(way), JudgeChallenge(way)];
        results.AddRange(JudgeResource(way));
        results.AddRange(way.Server is { } server ? JudgeServer(way, server) : [OAuth.Bad($"{way.OAuth}")]);
        results.AddRange(JudgeBrowser(way));
        return results;
    }

    private static IEnumerable<CheckResult> JudgeCertificate(ClientWay way)
    {
        if (way.CertificateUntil is { } until)
        {
            yield return way.CertificateProblem is { Length: > 0 } problem ? Certificate.Bad($"the certificate of {way.Mcp.Host}: {problem}") : MachineChecks.JudgeUntil(Certificate, $"the certificate of {way.Mcp.Host}", until);
        }
    }

    private static CheckResult JudgeChallenge(ClientWay way) => way.Challenge switch
    {
        { Status: HttpStatusCode.Unauthorized } => Challenge.Pass("a call without a token is answered 401"),
        { Status: HttpStatusCode.OK, IsHtml: false } => Challenge.Warn("a call without a token is answered: everybody may call, and no client begins to sign in", "Nothing, where that is meant; else ask for a token."),
        var answer => Challenge.Bad($"a call without a token is answered with {answer}: no client begins to sign in"),
    };

    private static IEnumerable<CheckResult> JudgeResource(ClientWay way)
    {
        yield return Named.Judge(way.NamedResource?.Json is not null, $"it names {way.MetadataAt}, where the metadata is",
            way.MetadataAt is null ? "WWW-Authenticate has no resource_metadata: clients guess" : way.NamedResource is null ? $"resource_metadata is '{way.MetadataAt}', which is no address" : $"it leads to {way.NamedResource}");
        if (way.Resource is not { } resource)
        {
            yield return Metadata.Bad($"{way.PathResource}");
            yield break;
        }

        yield return Metadata.Pass("the resource describes itself");
        yield return PathForm.Judge(way.PathResource.Json is not null, "it does so at its path too", $"{way.PathResource}");
        var (name, dialled) = (resource.Text("resource") ?? "", way.Mcp.AbsoluteUri.TrimEnd('/'));
        yield return name.TrimEnd('/') == dialled ? Identifier.Pass($"the resource is '{name}'")
            : name.Length > 0 && dialled.StartsWith(name.TrimEnd('/') + "/", StringComparison.Ordinal) ? Identifier.Warn($"the resource is '{name}', of which '{dialled}' is a part: some clients refuse that")
            : Identifier.Bad($"the resource is '{name}', and the client calls '{dialled}'");
        yield return Servers.Judge(way.Issuers.Count > 0, $"it names {string.Join(", ", way.Issuers)}", "authorization_servers is missing or empty");
    }

    private static IEnumerable<CheckResult> JudgeServer(ClientWay way, Document server)
    {
        yield return way.OAuth.Json is not null ? OAuth.Pass("the authorization server describes itself") : OAuth.Note($"{way.OAuth}; it is found by openid-configuration alone", "Serve /.well-known/oauth-authorization-server too: clients of 2025-03-26 and 2025-06-18 ask for nothing else.");
        yield return OpenId.Judge(way.OpenId.Json is not null, "it does so for OpenID Connect too", $"{way.OpenId}");
        var documents = new[] { way.OAuth, way.OpenId }.Where(document => document.Json is not null).ToList();
        var wrong = documents.Where(document => document.Text("issuer") != way.Issuer).ToList();
        yield return Issuer.Judge(wrong.Count == 0, $"the issuer is '{way.Issuer}' everywhere", $"{wrong.FirstOrDefault()?.Address} says '{wrong.FirstOrDefault()?.Text("issuer")}', and it must be '{way.Issuer}'");
        var missing = NeededEndpoints.Where(member => !Uri.TryCreate(server.Text(member), UriKind.Absolute, out var url) || (url.Scheme != "https" && way.Issuer.StartsWith("https:", StringComparison.Ordinal))).ToList();
        yield return Endpoints.Judge(missing.Count == 0, "its endpoints are named", $"{string.Join(" and ", missing)}: '{string.Join("', '", missing.Select(server.Text))}'");
        var without = documents.Where(document => !document.Items("code_challenge_methods_supported").Contains("S256")).ToList();
        yield return Pkce.Judge(without.Count == 0, "code_challenge_methods_supported has S256", $"{without.FirstOrDefault()?.Address} does not say so");
        yield return Registration.Judge(way.Text("registration_endpoint") is not null || way.TakesDocuments, way.Text("registration_endpoint") is not null ? "clients can register themselves" : "clients are known by their documents",
            "there is no registration_endpoint, and documents are not taken: only clients that an operator made can connect");
        yield return Documents.Judge(way.TakesDocuments, "clients are known by their documents", "client_id_metadata_document_supported is not true, or none is no method at the token endpoint");
        yield return Iss.Judge(way.IsTrue("authorization_response_iss_parameter_supported"), "answers carry iss", "authorization_response_iss_parameter_supported is not true");
        yield return Unknown.Judge(way.Unknown.Status == HttpStatusCode.NotFound && !way.Unknown.IsHtml, "what is not there is a plain 404", $"what is not there is answered with {way.Unknown}");
        yield return JudgeKeys(way);
        if (way.Token is { } token)
        {
            yield return TokenErrors.Judge(token.Status is HttpStatusCode.BadRequest or HttpStatusCode.Unauthorized && token.Object() is { } error && error.TryGetProperty("error", out _),
                "a refusal is JSON", $"a code that nobody was given is answered with {token}");
        }

        if (way.Authorize is { } authorize)
        {
            yield return Authorize.Judge((int)authorize.Status < 500 && authorize.IsThere && authorize.Headers?.Location?.OriginalString.Contains("doctor.invalid/callback?", StringComparison.Ordinal) != true,
                "a client that nobody knows is sent nowhere", authorize.Headers?.Location is null ? $"a client that nobody knows is answered with {authorize}" : $"a client that nobody knows is sent to the address that it named: {authorize}");
        }
    }

    private static CheckResult JudgeKeys(ClientWay way) =>
        way.Keys is not { } keys ? Keys.Note("it names no jwks_uri: its tokens are its own to read", "Nothing, where tokens are opaque; else name jwks_uri.")
            : Keys.Judge(keys.Json is { } json && json.TryGetProperty("keys", out var list) && list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0, "its keys are published", keys.Json is null ? $"{keys}" : $"{keys.Address} has no key");

    private static IEnumerable<CheckResult> JudgeBrowser(ClientWay way)
    {
        var allowed = way.Preflight.Header("Access-Control-Allow-Origin");
        var headers = way.Preflight.Header("Access-Control-Allow-Headers") ?? "";
        var missing = NeededHeaders.Where(header => headers != "*" && !headers.Contains(header, StringComparison.OrdinalIgnoreCase)).ToList();
        yield return Preflight.Judge(IsAllowed(allowed) && missing.Count == 0, $"a client in a browser may call ({allowed})",
            IsAllowed(allowed) ? $"it may not send {string.Join(" and ", missing)}" : $"a page of {ClientWay.BrowserClient} may not call: Access-Control-Allow-Origin is {allowed ?? "not there"}");
        if (way.Challenge.Status == HttpStatusCode.Unauthorized)
        {
            var exposed = way.FromBrowser.Header("Access-Control-Expose-Headers") ?? "";
            yield return Exposed.Judge(IsAllowed(way.FromBrowser.Header("Access-Control-Allow-Origin")) && (exposed == "*" || exposed.Contains("WWW-Authenticate", StringComparison.OrdinalIgnoreCase)),
                "WWW-Authenticate can be read in a browser", exposed.Length == 0 ? "the 401 exposes no header" : $"the 401 exposes {exposed}");
        }

        var closed = new[] { way.Resource, way.Server }.FirstOrDefault(document => document is not null && !IsAllowed(document.Answer.Header("Access-Control-Allow-Origin")));
        yield return OfMetadata.Judge(closed is null, "the metadata can be read in a browser", $"{closed?.Address} has no Access-Control-Allow-Origin for {ClientWay.BrowserClient}");
    }

    private static bool IsAllowed(string? origin) => origin is "*" or ClientWay.BrowserClient;
}
