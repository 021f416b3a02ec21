using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Sessions;

/// <summary>Refuses a session file that could not be written, before the server begins.</summary>
internal sealed class SessionStorageRules : IValidateOptions<SessionStorageOptions>
{
    public ValidateOptionsResult Validate(string? name, SessionStorageOptions options) =>
        options.Type == SessionStorageType.File && FileAccessCheck.ProblemOf("OAuth:SessionStorage:FilePath (SESSION_FILE_PATH)", Path.GetFullPath(options.FilePath!)) is { } problem
            ? ValidateOptionsResult.Fail(problem)
            : ValidateOptionsResult.Success;
}
