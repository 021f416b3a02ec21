using System.Net;
using System.Text;
using System.Text.Json;
using McpIdentity.Server.Operations;

namespace McpIdentity.Server.Commands;

/// <summary>What an MCP client does before anybody signs in, each step judged by itself: most failed connections end here.</summary>
internal static class ConnectionChecks
{
    private const string BrowserClient = "http://localhost:4000";

    public static async Task<IReadOnlyList<CheckResult>> RunAsync(Uri url, CancellationToken cancellationToken)
    {
        var issuer = url.GetLeftPart(UriPartial.Authority);
        var mcp = url.AbsolutePath is { Length: > 1 } path ? path.TrimEnd('/') : "/mcp";
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri(issuer), Timeout = TimeSpan.FromSeconds(10) };
        var (metadata, failure) = await DocumentAsync(http, "/.well-known/oauth-authorization-server", cancellationToken);
        if (metadata is not { } server)
        {
            return [new("metadata", Verdict.Fail, $"{issuer}/.well-known/oauth-authorization-server: {failure}")];
        }

        return
        [
            new("metadata", Verdict.Pass, "the authorization server describes itself (RFC 8414)"),
            Check("issuer", Text(server, "issuer") == issuer, $"the issuer is '{Text(server, "issuer")}'", $"it must be '{issuer}', byte for byte: set OAUTH_BASE_URL (behind a proxy also TRUST_PROXY=true)"),
            Check("pkce", Items(server, "code_challenge_methods_supported") is ["S256"], "code_challenge_methods_supported is S256", "it must be exactly [\"S256\"]"),
            Check("registration", Text(server, "registration_endpoint").StartsWith(issuer, StringComparison.Ordinal), "clients can register themselves", "registration_endpoint is missing: only clients that an operator made can connect", Verdict.Warn),
            await KeysAsync(http, Text(server, "jwks_uri"), cancellationToken),
            .. await ResourceAsync(http, issuer, mcp, cancellationToken),
            await CorsAsync(http, mcp, cancellationToken),
        ];
    }

    private static async Task<CheckResult> KeysAsync(HttpClient http, string address, CancellationToken cancellationToken)
    {
        var (keys, failure) = Uri.TryCreate(address, UriKind.Absolute, out _) ? await DocumentAsync(http, address, cancellationToken) : (null, "jwks_uri is missing");
        return Check("keys", keys is { } set && set.TryGetProperty("keys", out var list) && list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0,
            "the key set has keys", failure ?? "the key set is empty");
    }

    private static async Task<IEnumerable<CheckResult>> ResourceAsync(HttpClient http, string issuer, string mcp, CancellationToken cancellationToken)
    {
        var (metadata, failure) = await DocumentAsync(http, "/.well-known/oauth-protected-resource" + mcp, cancellationToken);
        var resource = metadata is { } document ? Text(document, "resource") : "";
        var answer = await ChallengeAsync(http, mcp, cancellationToken);
        return
        [
            Check("resource", resource == issuer + mcp, $"the protected resource is '{resource}' (RFC 9728)", failure ?? $"it must be '{issuer}{mcp}'"),
            Check("challenge", answer.Contains("resource_metadata=", StringComparison.Ordinal), "a call without a token is answered 401 with the address of the metadata",
                $"a call without a token was answered '{answer}': no client begins to sign in"),
        ];
    }

    private static async Task<string> ChallengeAsync(HttpClient http, string mcp, CancellationToken cancellationToken)
    {
        using var content = new StringContent("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","arguments":{}}}""", Encoding.UTF8, "application/json");
        return await TryAsync(async () =>
        {
            using var response = await http.PostAsync(mcp, content, cancellationToken);
            return response.StatusCode == HttpStatusCode.Unauthorized ? $"401 {response.Headers.WwwAuthenticate}" : $"{(int)response.StatusCode}";
        });
    }

    private static async Task<CheckResult> CorsAsync(HttpClient http, string mcp, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, mcp);
        request.Headers.Add("Origin", BrowserClient);
        request.Headers.Add("Access-Control-Request-Method", "POST");
        request.Headers.Add("Access-Control-Request-Headers", "authorization,content-type,mcp-protocol-version");
        var allowed = await TryAsync(async () =>
        {
            using var response = await http.SendAsync(request, cancellationToken);
            return response.Headers.TryGetValues("Access-Control-Allow-Origin", out var values) ? string.Join(',', values) : "nobody";
        });
        return Check("cors", allowed is "*" or BrowserClient, $"browser clients may call ({allowed})", $"a browser client at {BrowserClient} may not call (Cors:Origin allows {allowed})", Verdict.Warn);
    }

    private static async Task<(JsonElement? Document, string? Failure)> DocumentAsync(HttpClient http, string address, CancellationToken cancellationToken)
    {
        JsonElement? document = null;
        var failure = await TryAsync(async () =>
        {
            using var response = await http.GetAsync(new Uri(address, UriKind.RelativeOrAbsolute), cancellationToken);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                return $"status {(int)response.StatusCode}";
            }

            using var json = JsonDocument.Parse(await response.Content.ReadAsStringAsync(cancellationToken));
            document = json.RootElement.ValueKind == JsonValueKind.Object ? json.RootElement.Clone() : null;
            return document is null ? "no JSON object" : "";
        });
        return (document, failure.Length > 0 ? failure : null);
    }

    private static async Task<string> TryAsync(Func<Task<string>> ask)
    {
        try
        {
            return await ask();
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException or JsonException)
        {
            return exception.Message;
        }
    }

    private static CheckResult Check(string name, bool isRight, string right, string wrong, Verdict otherwise = Verdict.Fail) =>
        isRight ? new(name, Verdict.Pass, right) : new(name, otherwise, wrong);

    private static string Text(JsonElement json, string member) =>
        json.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private static string?[] Items(JsonElement json, string member) =>
        json.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(item => item.ToString())] : [];
}
