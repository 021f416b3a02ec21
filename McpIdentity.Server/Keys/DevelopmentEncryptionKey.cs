using System.Security.Cryptography;
using System.Text;
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
    /// <summary>Where the key is kept, below the working directory.</summary>
    internal const string Path = "data/encryption.key";

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
            Create();
        }

        return File.ReadAllText(Path).Trim();
    }

    // The file appears under its name when it is whole: servers that start at once on one folder all read the same key.
    private void Create()
    {
        Directory.CreateDirectory("data");
        var draft = $"{Path}.{Guid.NewGuid():N}";
        var creation = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            creation.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using (var file = new FileStream(draft, creation))
        {
            file.Write(Encoding.ASCII.GetBytes(NewKey()));
            file.Flush(flushToDisk: true);
        }

        try
        {
            File.Move(draft, Path);
            KeyCreated(Path);
        }
        catch (IOException) when (File.Exists(Path))
        {
            File.Delete(draft); // another server was first
        }
    }

    private static string NewKey() => RandomNumberGenerator.GetHexString(64, lowercase: true);

    [LoggerMessage(1101, LogLevel.Warning, "No encryption key is configured: {Path} was created. Set ENCRYPTION_KEY in Production.")]
    private partial void KeyCreated(string path);
}
