using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using McpIdentity.Mcp;
using McpIdentity.Migrations;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Keys;

/// <summary>Whoever has the files and not the encryption key can sign nothing and open no cookie. B-07, B-09.</summary>
[Category("B-07")]
[Category("B-09")]
[Parallelizable(ParallelScope.All)]
internal sealed class KeysAtRestTests
{
    [TestCase("ES256")]
    [TestCase("RS256")]
    [Category("SEED-028")]
    public async Task No_private_signing_key_can_be_read_in_any_file(string algorithm)
    {
        using var folder = new TemporaryFolder();
        await using var server = await StartAsync(folder, $"OAuth:SigningAlgorithm={algorithm}");
        // The next key is stored like the first one, while the server runs.
        await RotateAsync(server);
        var keys = server.Services.GetRequiredService<SigningKeyRing>().SigningKeys;
        Assert.That(keys, Has.Count.EqualTo(2));

        var stored = await StoredAsync(folder);

        foreach (var row in await ProtectedKeysAsync(server))
        {
            Assert.That(stored.AsSpan().IndexOf(Encoding.ASCII.GetBytes(row)), Is.Not.Negative, "what is stored of them is seen by this search");
        }

        using (Assert.EnterMultipleScope())
        {
            foreach (var (what, secret) in keys.SelectMany(SecretsOf))
            {
                foreach (var (form, bytes) in FormsOf(secret))
                {
                    Assert.That(stored.AsSpan().IndexOf(bytes), Is.Negative, $"{what} as {form}");
                }
            }
        }
    }

    [Test, Category("SEED-028")]
    public async Task What_protects_cookies_and_forms_is_stored_encrypted()
    {
        using var folder = new TemporaryFolder();
        await using var server = await StartAsync(folder);
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        await client.AuthorizeAsync(alice); // pages and cookies: the key has been used

        await using var scope = server.Services.CreateAsyncScope();
        var keys = await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().DataProtectionKeys.Select(key => key.Xml).ToListAsync();

        Assert.That(keys, Is.Not.Empty);
        Assert.That(keys, Is.All.Contain("<encryptedKey").And.All.Not.Contain("masterKey"));
        var stored = Encoding.Latin1.GetString(await StoredAsync(folder));
        Assert.That(stored, Does.Contain("<encryptedKey").And.Not.Contain("masterKey").And.Not.Contain("NOT encrypted"));
        Assert.That(Directory.GetFiles(folder.Path, "key-*.xml", SearchOption.AllDirectories), Is.Empty);
    }

    private static Task<TestServer> StartAsync(TemporaryFolder folder, params string[] settings) => TestServer.StartAsync(
    [
        $"Database:ConnectionString=Data Source={folder.File("identity.db")}",
        "OAuth:SessionStorage:Type=File", $"OAuth:SessionStorage:FilePath={folder.File("sessions.db")}",
        "Mcp:SecurityLogging:Enabled=true", "Mcp:SecurityLogging:LogToFile=true", $"Mcp:SecurityLogging:LogFilePath={folder.File("security.log")}",
        .. settings,
    ]);

    private static async Task RotateAsync(TestServer server)
    {
        await using var scope = server.Services.CreateAsyncScope();
        var stored = await scope.ServiceProvider.GetRequiredService<SigningKeyStore>().RotateAsync(SigningKeyStore.Lead, endOthers: false, CancellationToken.None);
        server.Services.GetRequiredService<SigningKeyRing>().Update(stored, server.Clock.GetUtcNow());
    }

    private static async Task<List<string>> ProtectedKeysAsync(TestServer server)
    {
        await using var scope = server.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().SigningKeys.Select(key => key.ProtectedKey).ToListAsync();
    }

    private static IEnumerable<(string What, byte[] Secret)> SecretsOf(SecurityKey key) => key switch
    {
        ECDsaSecurityKey { ECDsa: var ecdsa } => [("D", ecdsa.ExportParameters(includePrivateParameters: true).D!)],
        RsaSecurityKey { Rsa: var rsa } => SecretsOf(rsa.ExportParameters(includePrivateParameters: true)),
        _ => throw new AssertionException($"An unknown kind of key: {key}"),
    };

    private static IEnumerable<(string What, byte[] Secret)> SecretsOf(RSAParameters rsa) => [("D", rsa.D!), ("P", rsa.P!), ("Q", rsa.Q!)];

    // These numbers stand as they are in a PKCS#8 key and in a JWK, and 32 bytes are enough to know one by. Where something
    // around them is base64 as a whole, they begin at any of its three offsets.
    private static IEnumerable<(string Form, byte[] Bytes)> FormsOf(byte[] secret)
    {
        var bytes = secret[^32..];
        yield return ("bytes", bytes);
        yield return ("hexadecimal", Encoding.ASCII.GetBytes(Convert.ToHexString(bytes)));
        yield return ("hexadecimal", Encoding.ASCII.GetBytes(Convert.ToHexStringLower(bytes)));
        for (var skipped = 0; skipped < 3; skipped++)
        {
            var groups = bytes[skipped..(skipped + 27)];
            yield return ($"base64 from byte {skipped}", Encoding.ASCII.GetBytes(Convert.ToBase64String(groups)));
            yield return ($"base64url from byte {skipped}", Encoding.ASCII.GetBytes(Base64Url.EncodeToString(groups)));
        }
    }

    // Every file there is: the database, what SQLite has not yet put into it, the sessions and the log.
    private static async Task<byte[]> StoredAsync(TemporaryFolder folder)
    {
        var files = Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories).Where(file => !file.EndsWith(".lock", StringComparison.Ordinal)).ToList();
        Assert.That(files.Select(Path.GetFileName), Is.SupersetOf((string[])["identity.db", "identity.db-wal"]));
        using var stored = new MemoryStream();
        foreach (var file in files)
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            await stream.CopyToAsync(stored);
        }

        return stored.ToArray();
    }
}
