using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.IssuerKeys;
using McpIdentity.Tests.Support;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Mcp;

/// <summary>RFC 7517 §5: what is not understood of a key set is ignored.</summary>
[Category("RFC 7517")]
[Parallelizable(ParallelScope.All)]
internal sealed class KeySetTests
{
    [TestCaseSource(typeof(StandInKeys), nameof(StandInKeys.Strange))]
    public void A_strange_key_is_ignored_and_the_good_one_beside_it_is_not(string strange)
    {
        var good = new StandInKeys().Jwk;

        var keys = KeySet.Read($$"""{"keys":[{{strange}},{{good}},{{strange}}],"unknown":true}""", "here");

        Assert.That(keys.Select(key => key.KeyId), Is.EqualTo(new[] { "stand-in" }));
    }

    [TestCase("""{"keys":[]}"""), TestCase("""{"keys":{}}"""), TestCase("{}"), TestCase("[]"), TestCase("""{"keys":[{"kty":"oct","k":"AAAA"}]}""")]
    public void A_set_without_a_usable_key_is_none(string json)
    {
        Assert.That(() => KeySet.Read(json, "here"), Throws.InvalidOperationException.With.Message.Contains("publishes no signing key"));
    }

    [Test]
    public void Keys_without_an_id_and_two_of_one_id_are_kept()
    {
        var keys = new StandInKeys();
        keys.Foreign.Add(keys.Namesake);
        var two = KeySet.Read(keys.Set, "here");
        keys.Reset();
        keys.Rotate(keyId: null);
        var nameless = KeySet.Read(keys.Set, "here");

        Assert.That(two.Select(key => (key.GetType(), key.KeyId)), Is.EqualTo(new[] { (typeof(ECDsaSecurityKey), "stand-in"), (typeof(RsaSecurityKey), "stand-in") }));
        Assert.That(nameless.Single().KeyId, Is.Null);
    }
}
