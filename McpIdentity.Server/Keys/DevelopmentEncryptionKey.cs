using System.Security.Cryptography;
using McpIdentity.Server.Authorization;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Keys;

/// <summary>
/// Outside Production a missing encryption key is made once and kept in <c>data/encryption.key</c>, so that a first run
/// needs no configuration and a second run still reads what the first one wrote.
/// </summary>
internal sealed partial class DevelopmentEncryptionKey(IHostEnvironment environment, ILogger<DevelopmentEncryptionKey> logger)
    : IPostConfigureOptions<OAuthServerOptions>
{
    private const string Path = "data/encryption.key";

    public void PostConfigure(string? name, OAuthServerOptions options)
    {
        if (!string.IsNullOrEmpty(options.EncryptionKey))
        {
            return;
        }

        if (!options.Enabled)
        {
            // No authorization server, nothing that a later start must read: Production needs no key for it (SEED-019).
            options.EncryptionKey = NewKey();
        }
        else if (!environment.IsProduction())
        {
            options.EncryptionKey = ReadOrCreate();
        }
    }

    private string ReadOrCreate()
    {
        if (!File.Exists(Path))
        {
            Directory.CreateDirectory("data");
            var creation = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                creation.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            using var file = new StreamWriter(Path, creation);
            file.Write(NewKey());
            KeyCreated(Path);
        }

        return File.ReadAllText(Path).Trim();
    }

    private static string NewKey() => RandomNumberGenerator.GetHexString(64, lowercase: true);

    [LoggerMessage(1101, LogLevel.Warning, "No encryption key is configured: {Path} was created. Set ENCRYPTION_KEY in Production.")]
    private partial void KeyCreated(string path);
}
