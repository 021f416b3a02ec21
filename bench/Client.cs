using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace McpIdentity.Bench;

/// <summary>A client that registered itself and speaks OAuth by hand.</summary>
internal sealed class Client
{
    public const string RedirectUri = "https://client.example/callback";

    private static readonly byte[] ForPeople = Encoding.ASCII.GetBytes($$"""
        {"redirect_uris":["{{RedirectUri}}"],"client_name":"Bench","token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"],"response_types":["code"]}
        """);

    /// <summary>As an operator writes it into the configuration; random enough for the server to take it.</summary>
    public static readonly string[] OfOperator = ["--OAuth:StaticClients:0:ClientId=chosen", "--OAuth:StaticClients:0:ClientSecret=" + ChosenSecret];

    private const string ChosenSecret = "Vq7-tRk2_mZ9xB4wLp6dNs8HcJf3Gy5A";

    private Client(Wire wire, string id, string? secret)
    {
        (Wire, Id) = (wire, id);
        Authorization = secret is null ? null : "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"{id}:{secret}"));
        var challenge = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)));
        AuthorizeUrl = $"/oauth/authorize?response_type=code&client_id={id}&redirect_uri={Uri.EscapeDataString(RedirectUri)}" +
            $"&code_challenge={challenge}&code_challenge_method=S256&state=0123456789abcdef&scope=mcp%20mcp%3Acall" +
            $"&resource={Uri.EscapeDataString(new Uri(wire.Issuer, "/mcp").AbsoluteUri)}";
    }

    public Wire Wire { get; private init; }

    public string Id { get; }

    /// <summary>The header of a confidential client.</summary>
    public string? Authorization { get; }

    // One for all its requests: a random one each time would measure our own generator.
    public string Verifier { get; private init; } = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    public string AuthorizeUrl { get; }

    public static async Task<Client> RegisterForPeopleAsync(Wire wire)
    {
        var answer = (await wire.PostJsonAsync("/register", ForPeople)).MustBe(201);
        return new Client(wire, answer.Member("client_id"), secret: null);
    }

    public static async Task<Client> RegisterServiceAsync(Wire wire, string name = "Bench service")
    {
        var service = Encoding.ASCII.GetBytes($$"""{"client_name":"{{name}}","grant_types":["client_credentials"]}""");
        var answer = (await wire.PostJsonAsync("/register", service)).MustBe(201);
        return new Client(wire, answer.Member("client_id"), answer.Member("client_secret"));
    }

    /// <summary>The service of <see cref="OfOperator"/>, whose secret we did not generate.</summary>
    public static Client Chosen(Wire wire) => new(wire, "chosen", ChosenSecret);

    /// <summary>The same client, talking to another node.</summary>
    public Client At(Wire node) => new(node, Id, secret: null) { Verifier = Verifier };

    public Task<Answer> TokenAsync(params (string Name, string Value)[] fields) =>
        Wire.PostFormAsync("/oauth/token", Wire.Form(Authorization is null ? [("client_id", Id), .. fields] : fields), Authorization);

    public async Task<string> ServiceTokenAsync() => (await TokenAsync(("grant_type", "client_credentials"))).MustBe(200).Member("access_token");

    /// <summary>Exchanges the code that the browser was sent back with.</summary>
    public async Task<Answer> RedeemAsync(Browser.Return back) => (await TryRedeemAsync(CodeOf(back.Address))).MustBe(200);

    public Task<Answer> TryRedeemAsync(string code) => TokenAsync(
        ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", RedirectUri), ("code_verifier", Verifier));

    public Task<Answer> TryRefreshAsync(string token) => TokenAsync(("grant_type", "refresh_token"), ("refresh_token", token));

    /// <summary>A new code, for a browser that is signed in and has allowed the client.</summary>
    public async Task<string> CodeAsync(string cookie) => CodeOf((await Wire.GetAsync(AuthorizeUrl, cookie)).MustBe(302).Headers.Location!);

    /// <summary>A new code, where what was allowed before may have ended: a reuse takes the consent along.</summary>
    public async Task<string> NewlyAllowedCodeAsync() => CodeOf((await Browser.AllowAsync(this)).Address);

    /// <summary>So many grants of the same person.</summary>
    /// <returns>The refresh token of each.</returns>
    public async Task<string[]> ConnectAsync(string cookie, int times)
    {
        var tokens = new string[times];
        for (var i = 0; i < times; i++)
        {
            tokens[i] = (await TryRedeemAsync(await CodeAsync(cookie))).MustBe(200).Member("refresh_token");
        }

        return tokens;
    }

    private static string CodeOf(Uri address)
    {
        var parameters = address.Query.TrimStart('?').Split('&').Select(parameter => parameter.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
        return parameters.TryGetValue("code", out var code) ? WebUtility.UrlDecode(code) : throw new WrongAnswerException($"no code in {address}");
    }
}
