using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Persistence;

/// <summary>Refuses a database address that the provider could not read.</summary>
internal sealed class DatabaseOptionsRules(IHostEnvironment environment) : IValidateOptions<DatabaseOptions>
{
    public ValidateOptionsResult Validate(string? name, DatabaseOptions options)
    {
        if (environment.IsProduction() && options is { Provider: DatabaseProvider.Sqlite, Url: null or "" } &&
            (options.ConnectionString.Contains(":memory:", StringComparison.OrdinalIgnoreCase) ||
             options.ConnectionString.Replace(" ", "", StringComparison.Ordinal).Contains("Mode=Memory", StringComparison.OrdinalIgnoreCase)))
        {
            return ValidateOptionsResult.Fail("Database:ConnectionString keeps the signing keys in memory: with the process they are gone, and every token with them. Name a file.");
        }

        if (options.Url is { Length: > 0 } url &&
            (!Uri.TryCreate(ConnectionStrings.SplitHosts(url).Url, UriKind.Absolute, out var uri) || uri.Scheme is not ("postgres" or "postgresql")))
        {
            return ValidateOptionsResult.Fail("Database:Url (DATABASE_URL) must look like postgres://user:password@host:5432/database.");
        }

        try
        {
            if (options.Url is { Length: > 0 })
            {
                ConnectionStrings.Postgres(options, PostgresTraits.Unknown);
            }
        }
        catch (ArgumentException exception)
        {
            // Not the value: there is a password in it.
            return ValidateOptionsResult.Fail($"Database:Url (DATABASE_URL) has a parameter that cannot be used: {exception.Message}");
        }

        return string.IsNullOrWhiteSpace(options.ConnectionString)
            ? ValidateOptionsResult.Fail("Database:ConnectionString must not be empty.")
            : ValidateOptionsResult.Success;
    }
}
