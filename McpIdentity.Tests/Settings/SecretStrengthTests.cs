using System.Security.Cryptography;
using McpIdentity.Mcp;

namespace McpIdentity.Tests.Settings;

/// <summary>Which secrets Production takes: docs/production.md, "Secrets".</summary>
[Category("Configuration")]
[Parallelizable(ParallelScope.All)]
internal sealed class SecretStrengthTests
{
    private static readonly string[] Production =
    [
        "--Server:PublicBaseUrl=https://id.example", "--OAuth:GoogleClientId=id", "--OAuth:GoogleClientSecret=s", "--OAuth:Registration:RequireInitialAccessToken=true", "--Mcp:Auth:AuthType=both", "--Jwt:Issuer=us",
        "--Jwt:TrustedIssuers:0:Issuer=them", "--OAuth:StaticClients:0:ClientId=partner", "--OAuth:StaticClients:0:RedirectUris:0=https://partner.example/cb", "--OAuth:McpClientId=mcp", "--OAuth:McpRedirectUris=https://mcp.example/cb",
    ];

    private static readonly string[] Settings =
        ["OAuth:EncryptionKey", "OAuth:Registration:InitialAccessToken", "OAuth:StaticClients:0:ClientSecret", "OAuth:McpClientSecret", "Jwt:Secret", "Jwt:TrustedIssuers:0:Secret"];

    [TestCase("changeme-changeme-changeme-changeme-"), TestCase("0123456789abcdef0123456789abcdef"), TestCase("0123456789abcdef0123456789abcdef01234567"), TestCase("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [TestCase("fedcba9876543210fedcba9876543210"), TestCase("12345678901234567890123456789012"), TestCase("abcdefghijklmnopqrstuvwxyzABCDEF"), TestCase("abababababababababababababababababab"), TestCase("a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6")]
    [TestCase("qwertyuiopasdfghjklzxcvbnm123456"), TestCase("1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9"), TestCase("00112233445566778899aabbccddeeff"), TestCase("AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH")]
    [TestCase("correct horse battery staple again"), TestCase("thequickbrownfoxjumpsoverthelazydog"), TestCase("ThisIsMySuperSecretEncryptionKey123"), TestCase("my-sup3r-s3cr3t-k3y-f0r-pr0duct10n"), TestCase("password1234567890password1234567890"), TestCase("Summer2026!Summer2026!Summer2026!")]
    [TestCase("your-secure-random-key-min-32-chars-required"), TestCase("dev-key-min-32-chars-required!!!"), TestCase("a test key of more than thirty-two characters"), TestCase("replace-me-with-32-random-characters"), TestCase("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), TestCase("deadbeefcafebabedeadbeefcafebabe")]
    public void What_a_person_thinks_of_is_no_key_in_Production(string secret)
    {
        Assert.That(SecretStrength.IsWeak(secret, SecretStrength.KeyBits), Is.True, $"{SecretStrength.EstimateBits(secret)} bits");
    }

    [TestCase("changeme-changeme-changeme-changeme-"), TestCase("0123456789abcdef0123456789abcdef"), TestCase("my secret is my secret and yours too")]
    public void Every_setting_that_is_a_secret_of_ours_is_looked_at(string secret)
    {
        var problems = SettingsFile.ProblemsOf(file => file.BuildIn("Production", "", [.. Production, .. Settings.Select(setting => $"--{setting}={secret}")]));

        foreach (var setting in Settings)
        {
            Assert.That(problems, Does.Contain(setting.Replace(":ClientSecret", "", StringComparison.Ordinal).Replace("OAuth:McpClientSecret", "MCP_CLIENT_SECRET", StringComparison.Ordinal)), setting);
        }

        Assert.That(problems, Does.Not.Contain(secret));
    }

    [Test]
    public void What_was_made_at_random_is_taken()
    {
        // The same ones each time: of 16 random hexadecimal digits one in some 14,000 looks regular by chance.
        var random = new Random(20261128);
        for (var i = 0; i < 200; i++)
        {
            foreach (var key in (string[])[Convert.ToHexStringLower(Bytes(32)), Convert.ToHexString(Bytes(16)), Convert.ToBase64String(Bytes(32)), new Guid(Bytes(16)).ToString()])
            {
                Assert.That(SecretStrength.IsWeak(key, SecretStrength.KeyBits), Is.False, key);
            }

            var secret = Convert.ToHexStringLower(Bytes(8));
            Assert.That(SecretStrength.IsWeak(secret, SecretStrength.PasswordBits), Is.False, secret);
        }

        byte[] Bytes(int count)
        {
            var bytes = new byte[count];
            random.NextBytes(bytes);
            return bytes;
        }
    }

    /// <summary>Whoever used a weak key must be able to leave it.</summary>
    [Test]
    public async Task A_weak_key_may_stand_among_the_earlier_ones()
    {
        await using var file = new SettingsFile { HasKey = false }.BuildIn(
            "Production", "", "--Server:PublicBaseUrl=https://id.example", "--OAuth:GoogleClientId=id", "--OAuth:GoogleClientSecret=s", $"--OAuth:EncryptionKey={RandomNumberGenerator.GetHexString(64)}",
            "--OAuth:PreviousEncryptionKeys:0=0123456789abcdef0123456789abcdef");
    }
}
