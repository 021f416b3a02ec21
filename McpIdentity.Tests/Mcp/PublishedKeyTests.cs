using System.Security.Cryptography;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.IssuerKeys;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Mcp;

/// <summary>JWTs of an issuer that publishes its keys: a real server on loopback, whose keys rotate and which fails.</summary>
[Category("RFC 7517")]
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class PublishedKeyTests
{
    private static readonly RsaSecurityKey Rsa = new(RSA.Create(2048)) { KeyId = "rsa" };

    private PublishingIssuer _issuer = null!;
    private McpHost _host = null!;

    [SetUp]
    public async Task StartAsync() => _issuer = await PublishingIssuer.StartAsync(Rsa, TestKeys.New("ec"));

    [TearDown]
    public async Task StopAsync()
    {
        await (_host?.DisposeAsync() ?? default);
        await _issuer.DisposeAsync();
    }

    [TestCase("RS256"), TestCase("PS256"), TestCase("ES256")]
    public async Task A_token_signed_with_a_published_key_is_accepted(string algorithm)
    {
        await TrustAsync("JwksUri");

        Assert.That((await CallAsync(Sign(algorithm))).Status, Is.EqualTo(200));
    }

    [Test]
    public async Task Keys_are_found_through_discovery_and_remembered()
    {
        await TrustAsync("Authority");
        for (var i = 0; i < 5; i++)
        {
            Assert.That((await CallAsync(Sign("ES256"))).Status, Is.EqualTo(200));
        }

        Assert.That(_issuer.JwksFetches, Is.EqualTo(1));
    }

    [Test]
    public async Task A_discovery_document_of_another_issuer_is_not_believed()
    {
        _issuer.Name = "https://other.example";
        await TrustAsync("Authority");

        Assert.That((await CallAsync(Sign("ES256"))).Status, Is.EqualTo(503));
    }

    [Test]
    public async Task A_rotated_key_is_fetched_by_the_first_who_meets_it_and_invented_keys_cost_one_fetch()
    {
        await TrustAsync("JwksUri");
        await CallAsync(Sign("ES256"));
        _issuer.Keys = [TestKeys.New("ec-2")];
        var rotated = await CallAsync(Sign("ES256"));
        for (var i = 0; i < 20; i++)
        {
            var invented = await CallAsync(TestTokens.Foreign(TestKeys.New($"invented-{i}"), "ES256", ("iss", _issuer.Name)));
            Assert.That(invented.Challenge, Does.Contain("Invalid signature"));
        }

        Assert.That((rotated.Status, _issuer.JwksFetches), Is.EqualTo((200, 3)), "at the start, for the new key, and once for all that are invented");
    }

    [Test]
    public async Task Known_keys_stay_in_force_while_the_issuer_is_down()
    {
        await TrustAsync("JwksUri");
        await CallAsync(Sign("RS256"));
        _issuer.IsDown = true;
        _host.Time.Advance(PublishedKeys.MaxAge);
        var token = TestTokens.Foreign(Rsa, "RS256", ("iss", _issuer.Name), ("exp", _host.Time.GetUtcNow().AddHours(1).ToUnixTimeSeconds()));

        Assert.That((await CallAsync(token)).Status, Is.EqualTo(200));
    }

    [Test]
    public async Task A_key_that_its_issuer_has_ended_is_noticed_without_a_caller_who_waits()
    {
        await TrustAsync("JwksUri");
        var token = Sign("RS256");
        await CallAsync(token);
        _issuer.Keys = [TestKeys.New("ec-2")];
        _host.Time.Advance(PublishedKeys.RefreshAge);

        Assert.That((await CallAsync(token)).Status, Is.EqualTo(200), "nobody waits for the new keys");
        await Until.TrueAsync(async () => (await CallAsync(token)).Status == 401, "the ended key is not believed any more");
        Assert.That(_issuer.JwksFetches, Is.InRange(2, 3), "and once more for whoever still holds the ended key");
    }

    [Test]
    public async Task Without_any_key_the_answer_is_503_and_the_next_try_waits()
    {
        _issuer.IsDown = true;
        await TrustAsync("JwksUri");
        var first = await CallAsync(Sign("RS256"));
        _issuer.IsDown = false;
        var second = await CallAsync(Sign("RS256"));
        _host.Time.Advance(PublishedKeys.Pause);
        var third = await CallAsync(Sign("RS256"));

        Assert.That((first.Status, second.Status, third.Status), Is.EqualTo((503, 503, 200)));
    }

    // RFC 8725 §3.1: refused without any fetch.
    [TestCase("HS256"), TestCase("none"), TestCase("RS1"), TestCase("dir")]
    public async Task An_algorithm_outside_the_list_causes_no_fetch(string algorithm)
    {
        await TrustAsync("JwksUri");
        var answer = await CallAsync(TestTokens.Foreign(("@alg", algorithm), ("@kid", "rsa"), ("iss", _issuer.Name), ("@jku", _issuer.Url + "/evil")));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Challenge, Does.Contain("Invalid signature"));
            Assert.That(_issuer.JwksFetches, Is.Zero);
        }
    }

    [Test]
    public async Task A_key_in_the_header_is_not_looked_at([Values("jku", "jwk", "x5u")] string member)
    {
        await TrustAsync("JwksUri");
        var mine = TestKeys.New("rsa");
        var token = TestTokens.Foreign(mine, "ES256", ("iss", _issuer.Name), ("@" + member, member == "jwk" ? PublishingIssuer.Jwk(mine) : _issuer.Url + "/evil"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((await CallAsync(token)).Challenge, Does.Contain("Invalid signature"));
            Assert.That(_issuer.EvilFetches, Is.Zero);
        }
    }

    [Test]
    public async Task Each_issuer_is_judged_by_its_own_keys()
    {
        await TrustAsync("JwksUri", ("Jwt:TrustedIssuers:0:Issuer", "second"), ("Jwt:TrustedIssuers:0:Secret", TestTokens.Secret), ("Jwt:TrustedIssuers:0:Audience", "mcp-api"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((await CallAsync(Sign("ES256"))).Status, Is.EqualTo(200));
            Assert.That((await CallAsync(TestTokens.Foreign(("iss", "second")))).Status, Is.EqualTo(200));
            Assert.That((await CallAsync(TestTokens.Foreign(("iss", _issuer.Name)))).Challenge, Does.Contain("Invalid signature"));
            Assert.That((await CallAsync(TestTokens.Foreign(("iss", "third")))).Challenge, Does.Contain("Invalid issuer"));
        }
    }

    // RFC 8725 §3.8: sets of keys never mix, even where two issuers give their keys the same name.
    [Test]
    public async Task Two_issuers_that_publish_keys_are_kept_apart_and_fail_apart()
    {
        await using var second = await PublishingIssuer.StartAsync(TestKeys.New("ec"));
        await TrustAsync(
            "JwksUri", ("Jwt:TrustedIssuers:0:Authority", second.Url), ("Jwt:TrustedIssuers:0:Audience", "second-api"), ("Jwt:TrustedIssuers:0:Algorithms:0", "ES256"));
        string Of(AsymmetricSecurityKey key, string issuer, string audience) => TestTokens.Foreign(key, "ES256", ("iss", issuer), ("aud", audience));
        var (first, other) = (_issuer.Keys.OfType<ECDsaSecurityKey>().Single(), second.Keys.Single());

        using (Assert.EnterMultipleScope())
        {
            Assert.That((await CallAsync(Of(first, _issuer.Name, "mcp-api"))).Status, Is.EqualTo(200));
            Assert.That((await CallAsync(Of(other, second.Name, "second-api"))).Status, Is.EqualTo(200));
            Assert.That((await CallAsync(Of(other, _issuer.Name, "mcp-api"))).Challenge, Does.Contain("Invalid signature"));
            Assert.That((await CallAsync(Of(first, second.Name, "second-api"))).Challenge, Does.Contain("Invalid signature"));
            Assert.That((await CallAsync(Of(other, second.Name, "mcp-api"))).Challenge, Does.Contain("Invalid audience"));
            Assert.That((await CallAsync(TestTokens.Foreign(Rsa, "RS256", ("iss", second.Name), ("aud", "second-api")))).Challenge, Does.Contain("Invalid signature"));
        }

        second.IsDown = true;
        _host.Time.Advance(PublishedKeys.Pause);
        var unknown = await CallAsync(TestTokens.Foreign(TestKeys.New("new"), "ES256", ("iss", second.Name), ("aud", "second-api"), ("exp", _host.Time.GetUtcNow().AddHours(1).ToUnixTimeSeconds())));
        Assert.That(unknown.Challenge, Does.Contain("Invalid signature"), "the known keys still judge");
        Assert.That((await CallAsync(Of(first, _issuer.Name, "mcp-api"))).Status, Is.EqualTo(200));
    }

    // RFC 8725 §2.1: the issuer's public key is no HMAC secret.
    [TestCase("HS256"), TestCase("HS512")]
    public async Task A_published_key_is_no_secret(string algorithm)
    {
        await TrustAsync("JwksUri");
        var secret = new SymmetricSecurityKey(Rsa.Rsa.ExportSubjectPublicKeyInfo()) { KeyId = "rsa" };

        Assert.That((await CallAsync(TestTokens.Foreign(secret, algorithm, ("iss", _issuer.Name)))).Challenge, Does.Contain("Invalid signature"));
    }

    [Test]
    public async Task Members_that_stand_twice_are_refused_in_foreign_tokens_too([Values("claims", "header")] string where)
    {
        await TrustAsync("JwksUri");
        var key = _issuer.Keys.OfType<ECDsaSecurityKey>().Single();
        var parts = Sign("ES256").Split('.').Select(part => part.Length > 0 ? Base64UrlEncoder.DecodeBytes(part) : []).Select(System.Text.Encoding.UTF8.GetString).ToArray();
        var token = where == "claims"
            ? TestTokens.SignRaw(parts[0], parts[1].Insert(1, "\"scopes\":[\"mcp:admin\"],"), key, "ES256")
            : TestTokens.SignRaw(parts[0].Insert(1, "\"kid\":\"other\","), parts[1], key, "ES256");

        Assert.That((await CallAsync(token)).Challenge, Does.Contain("Malformed token"));
    }

    [Test]
    public async Task A_host_without_keys_of_its_own_discovers_them_from_the_issuer()
    {
        var key = TestKeys.New("ec");
        _issuer.Keys = [key];
        _host = await McpHost.StartAsync(
            new Dictionary<string, string?> { ["Mcp:Auth:OAuth:Issuer"] = _issuer.Name },
            (builder, _) => builder.Services.RemoveAll<McpIdentity.Mcp.IMcpSigningKeys>());

        Assert.That((await CallAsync(TestTokens.Own(key, changes: ("iss", _issuer.Name)))).Status, Is.EqualTo(200));
    }

    private async Task TrustAsync(string by, params (string, string?)[] more)
    {
        var settings = new Dictionary<string, string?>
        {
            ["Mcp:Auth:AuthType"] = "jwt",
            ["Jwt:Secret"] = null,
            ["Jwt:Issuer"] = _issuer.Name,
            ["Jwt:" + by] = by == "JwksUri" ? _issuer.Url + "/jwks" : _issuer.Url,
        };
        foreach (var (name, value) in more)
        {
            settings[name] = value;
        }

        _host = await McpHost.StartAsync(settings);
    }

    private Task<McpAnswer> CallAsync(string token) => _host.CallToolAsync("whoami", token);

    private string Sign(string algorithm) =>
        TestTokens.Foreign(_issuer.Keys.First(key => key is RsaSecurityKey != algorithm.StartsWith('E')), algorithm, ("iss", _issuer.Name));
}
