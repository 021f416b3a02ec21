using System.Text.Json;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;

namespace McpIdentity.Server.Sessions;

/// <summary>A whole session as one encrypted text: how a file and Redis hold it.</summary>
internal static class SealedSession
{
    private const string Purpose = "sign-in sessions";

    public static string Seal(EncryptionKeys keys, SignInSession session) =>
        keys.Protect(Purpose, JsonSerializer.SerializeToUtf8Bytes(session, SessionsJson.Default.SignInSession));

    /// <returns>
    /// The session, its upstream tokens under the current key whatever key sealed it; null when no configured key opens it.
    /// </returns>
    public static SignInSession? Open(EncryptionKeys keys, string text) =>
        keys.Unprotect(Purpose, text) is { } json &&
        JsonSerializer.Deserialize(json, SessionsJson.Default.SignInSession) is { } session &&
        keys.Reprotect(UpstreamTokens.Purpose, session.ProtectedTokens) is { } tokens
            ? session with { ProtectedTokens = tokens }
            : null;
}
