using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Support;

/// <summary>The key that a stand-in signs with, and what it publishes beside it.</summary>
internal sealed class StandInKeys
{
    // A point of P-256 (RFC 7517, Appendix A.1).
    private const string X = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
    private const string Y = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";

    /// <summary>Keys that cannot check a signature here, as providers publish them or might.</summary>
    public static readonly string[] Strange =
    [
        """{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}""",
        """{"kty":"AKP","alg":"ML-DSA-65","use":"sig","kid":"pq","pub":"AAAA"}""",
        """{"kty":"oct","kid":"secret","use":"sig","alg":"HS256","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}""",
        $$"""{"kty":"EC","crv":"secp256k1","use":"sig","alg":"ES256K","kid":"bitcoin","x":"{{X}}","y":"{{Y}}"}""",
        $$"""{"kty":"EC","crv":"brainpoolP256r1","kid":"brain","x":"{{X}}","y":"{{Y}}"}""",
        $$"""{"kty":"EC","crv":"P-256","kid":"no y","x":"{{X}}"}""",
        $$"""{"kty":"EC","crv":"P-256","kid":"off the curve","x":"{{Y}}","y":"{{X}}"}""",
        """{"kty":"RSA","kid":"no modulus","e":"AQAB"}""",
        """{"kty":"RSA","kid":"garbled","n":"!!! not base64url !!!","e":"AQAB"}""",
        """{"kty":"RSA","kid":"empty","n":"","e":""}""",
        """{"kty":"RSA","kid":"number","n":7,"e":65537}""",
        """{"kty":"RSA","kid":"bad chain","x5c":["%%%"]}""",
        """{"kty":"RSA","use":"enc","alg":"RSA-OAEP","kid":"enc","n":"sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdgWp4Dy1WlUzewbgBHod5pcM9H95GQRV3JDXboIRROSBigeC5yjU1hGzHHyXss8UDprecbAYxknTcQkhslANGRUZmdTOQ5qTRsLAt6BTYuyvVRdhS8exSZEy_c4gs_7svlJJQ4H9_NxsiIoLwAEk7-Q3UXERGYw_75IDrGA84-lA_-Ct4eTlXHBIY2EaV7t7LjJaynVJCpkv4LKjTTAumiGUIuQhrNhZLuF_RJLqHpM2kgWFLU7-VTdL1VbC2tejvcI2BlMkEpk1BzBZI0KQB0GaDWFLN-aEAw3vRw","e":"AQAB"}""",
        """{"kty":"RSA","key_ops":["wrapKey"],"kid":"ops","n":"AQAB","e":"AQAB"}""",
        """{"kty":"MAGIC","kid":"magic"}""",
        """{"kid":"no type"}""",
        """{"kty":7,"kid":null,"use":false}""",
        """{"kty":"RSA","kid":"\ud800","n":"AQAB","e":"AQAB"}""",
        "{}", "null", "7", "\"text\"", "[]",
    ];

    /// <summary>Stand before the key that signs.</summary>
    public List<string> Foreign { get; } = [];

    public RsaSecurityKey Current { get; private set; } = New("stand-in");

    /// <summary>The next key takes the place of the current one, which is published no more.</summary>
    public void Rotate(string? keyId) => Current = New(keyId);

    /// <summary>A good key of another type under the id of the one that signs.</summary>
    public string Namesake => $$"""{"kty":"EC","crv":"P-256","use":"sig","kid":{{JsonSerializer.Serialize(Current.KeyId)}},"x":"{{X}}","y":"{{Y}}"}""";

    /// <summary>Without <c>use</c> and <c>alg</c>, which are optional (RFC 7517 §4).</summary>
    public string Jwk
    {
        get
        {
            var key = Current.Rsa.ExportParameters(includePrivateParameters: false);
            var members = new Dictionary<string, string?> { ["kty"] = "RSA", ["kid"] = Current.KeyId, ["n"] = Base64UrlEncoder.Encode(key.Modulus), ["e"] = Base64UrlEncoder.Encode(key.Exponent) };
            return JsonSerializer.Serialize(members.Where(member => member.Value is not null).ToDictionary());
        }
    }

    public string Set => $$"""{"keys":[{{string.Join(',', Foreign.Append(Jwk))}}]}""";

    public IResult Publish() => Results.Content(Set, "application/json");

    public void Reset()
    {
        Foreign.Clear();
        if (Current.KeyId != "stand-in")
        {
            Rotate("stand-in");
        }
    }

    private static RsaSecurityKey New(string? keyId) => new(RSA.Create(2048)) { KeyId = keyId };
}
