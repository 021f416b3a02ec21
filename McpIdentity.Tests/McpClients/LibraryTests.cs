using System.Security.Cryptography;
using System.Text.Json;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.McpClients;

/// <summary>General OAuth and OpenID Connect libraries, for programs that have no MCP SDK. They validate every answer strictly.</summary>
[Category("Clients"), Category("Node"), Category("SEED-006"), Category("SEED-084")]
[Parallelizable(ParallelScope.All)]
internal sealed class LibraryTests
{
    [TestCase("oauth4webapi"), TestCase("openid-client")]
    public async Task The_library_discovers_registers_signs_in_calls_refreshes_revokes_and_begins_again(string library)
    {
        await using var server = await TestServer.StartAsync();

        AssertAll(await TypeScriptClientTests.RunAsync("library.mjs", library, server.McpUrl));
    }

    /// <summary>Known by its document, it proves itself by nothing, or at each request by its key.</summary>
    [TestCase("oauth4webapi", null), TestCase("openid-client", null), TestCase("oauth4webapi", "jwks_uri"), TestCase("openid-client", "jwks")]
    [Category("RFC 7523")]
    public async Task The_library_does_so_as_a_client_with_a_document_too(string library, string? keys)
    {
        await using var host = await DocumentHost.StartAsync();
        await using var server = await TestServer.StartAsync(DocumentHost.Settings);
        var key = SigningClient.NewKey();
        var document = host.Publish("/client.json", new Dictionary<string, object>
        {
            ["client_name"] = library,
            ["redirect_uris"] = new[] { "http://127.0.0.1/callback" },
            ["grant_types"] = new[] { "authorization_code", "refresh_token" },
            ["response_types"] = new[] { "code" },
            ["token_endpoint_auth_method"] = keys is null ? "none" : "private_key_jwt",
            [keys ?? "client_uri"] = keys switch
            {
                "jwks" => JsonElement.Parse(SigningClient.JwksOf(key)),
                "jwks_uri" => host.Serve("/jwks", context => context.Response.WriteAsync(SigningClient.JwksOf(key))),
                _ => host.Origin,
            },
        });

        AssertAll(await TypeScriptClientTests.RunAsync("library.mjs", [library, server.McpUrl, document, .. keys is null ? (string[])[] : [PrivateJwk(key)]]));
        Assert.That(host.TimesAsked("/jwks"), Is.EqualTo(keys == "jwks_uri" ? 1 : 0));
    }

    private static void AssertAll(JsonElement result) => Assert.Multiple(() =>
    {
        Assert.That(result.Text("greeting"), Does.Contain("Alice Example"));
        Assert.That(result.Text("name"), Is.EqualTo("Alice Example"), "userinfo");
        Assert.That(result.GetProperty("refreshTokenRotated").GetBoolean(), Is.True);
        Assert.That(result.Text("greetingAfterRefresh"), Does.Contain("Alice Example"));
        Assert.That(result.Text("refusedAfterRevocation"), Is.EqualTo("invalid_grant"));
        Assert.That(result.GetProperty("statusAfterRevocation").GetInt32(), Is.EqualTo(401));
        Assert.That(result.Text("greetingAfterReturn"), Does.Contain("Alice Example"));
        Assert.That(result.Text("unknownClient"), Is.EqualTo("invalid_client"));
    });

    private static string PrivateJwk(ECDsaSecurityKey key)
    {
        var members = key.ECDsa.ExportParameters(includePrivateParameters: true);
        return JsonSerializer.Serialize(new
        {
            kty = "EC",
            crv = "P-256",
            kid = key.KeyId,
            x = Base64UrlEncoder.Encode(members.Q.X),
            y = Base64UrlEncoder.Encode(members.Q.Y),
            d = Base64UrlEncoder.Encode(members.D),
        });
    }
}
