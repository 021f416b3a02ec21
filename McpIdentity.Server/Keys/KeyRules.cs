using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Keys;

/// <summary>Refuses encryption keys that could be guessed, and a rotation of signing keys that would outrun their publication.</summary>
internal sealed class KeyRules(IHostEnvironment environment) : IValidateOptions<OAuthServerOptions>
{
    private const int MinimumLength = 32;
    private const string CurrentKey = "OAuth:EncryptionKey";

    // The literal keys of the guide this product started from: whoever copied them has no secret (SEED-026).
    private static readonly string[] KnownKeys =
    [
        "dev-key-min-32-chars-required!!",
        "your-secure-random-key-min-32-chars-required",
        "from_secrets_manager",
    ];

    public ValidateOptionsResult Validate(string? name, OAuthServerOptions options)
    {
        var problems = options.PreviousEncryptionKeys.Select((key, i) => ($"OAuth:PreviousEncryptionKeys:{i}", key))
            .Prepend((CurrentKey, options.EncryptionKey ?? ""))
            .Select(pair => Check(pair.Item1, pair.Item2)).OfType<string>().ToList();
        if (options.SigningKeyRotation != TimeSpan.Zero && options.SigningKeyRotation < TimeSpan.FromDays(1))
        {
            problems.Add($"OAuth:SigningKeyRotation must be at least a day, or 00:00:00 for never (is {options.SigningKeyRotation}).");
        }

        return problems.Count > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }

    private string? Check(string setting, string key)
    {
        if (key.Length == 0 && setting == CurrentKey)
        {
            return environment.IsProduction()
                ? $"{setting} (ENCRYPTION_KEY) must be set in Production: at least {MinimumLength} random characters."
                : $"{setting} (ENCRYPTION_KEY) is not set and {DevelopmentEncryptionKey.Path} is empty: put back what was in the file, or delete it together with the database.";
        }

        if (key.Length < MinimumLength)
        {
            return $"{setting} must be at least {MinimumLength} characters (got {key.Length}).";
        }

        return environment.IsProduction() && (KnownKeys.Contains(key) || key.Distinct().Count() < 8)
            ? $"{setting} is a sample or too regular to be secret: use random characters."
            : null;
    }
}
