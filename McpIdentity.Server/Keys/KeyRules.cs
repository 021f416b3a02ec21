using McpIdentity.Mcp;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Keys;

/// <summary>Refuses encryption keys that could be guessed, and a rotation of signing keys that would outrun their publication.</summary>
internal sealed class KeyRules(IHostEnvironment environment) : IValidateOptions<OAuthServerOptions>
{
    private const int MinimumLength = 32;
    private const string CurrentKey = "OAuth:EncryptionKey";

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

        // An earlier one only reads what it protected once: here it is on its way out.
        return environment.IsProduction() && setting == CurrentKey && SecretStrength.IsWeak(key, SecretStrength.KeyBits)
            ? $"{setting} (ENCRYPTION_KEY) is a sample or too regular to be secret: use random characters (verb keygen). What is stored under it stays readable with the old one in OAuth:PreviousEncryptionKeys."
            : null;
    }
}
