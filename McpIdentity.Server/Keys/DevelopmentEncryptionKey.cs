using System.Security.Cryptography;
using System.Text;
using McpIdentity.Server.Settings;
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

    private const int Attempts = 40;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

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
            try
            {
                options.EncryptionKey = ReadOrCreate();
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                throw new OptionsValidationException(OAuthServerOptions.Section, typeof(OAuthServerOptions),
                    [$"OAuth:EncryptionKey (ENCRYPTION_KEY) is not set, and {System.IO.Path.GetFullPath(Path)} can be neither read nor made: {exception.Message} Set it, or let the user '{Environment.UserName}' write the folder."]);
            }
        }
    }

    private string ReadOrCreate()
    {
        if (!File.Exists(Path))
        {
            TryCreate();
        }

        PrivateFiles.Close("data");
        PrivateFiles.Close(Path);

        // Of servers that start at once on one folder one makes the file; the others find it, perhaps before it is written.
        for (var attempt = 1; attempt < Attempts; attempt++)
        {
            if (TryRead() is { Length: > 0 } key)
            {
                return key;
            }

            Thread.Sleep(Pause); // options are bound synchronously, and nothing is served yet
        }

        return File.ReadAllText(Path).Trim();
    }

    private void TryCreate()
    {
        PrivateFiles.CreateFolder("data");
        try
        {
            using var file = PrivateFiles.Open(Path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
            file.Write(Encoding.ASCII.GetBytes(NewKey())); // in one piece: whoever reads sees all of it or nothing
            file.Flush(flushToDisk: true);
            KeyCreated(Path);
        }
        catch (IOException) when (File.Exists(Path))
        {
            // Another server was first.
        }
    }

    private static string? TryRead()
    {
        try
        {
            return File.ReadAllText(Path).Trim();
        }
        catch (IOException)
        {
            return null; // still locked by the one who makes it
        }
    }

    private static string NewKey() => RandomNumberGenerator.GetHexString(64, lowercase: true);

    [LoggerMessage(1101, LogLevel.Warning, "No encryption key is configured: {Path} was created. Set ENCRYPTION_KEY in Production.")]
    private partial void KeyCreated(string path);
}
