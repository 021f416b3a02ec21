using System.Security.Cryptography;
using McpIdentity.Server.Sessions;
using Microsoft.AspNetCore.DataProtection;

namespace McpIdentity.Server.AdminPages;

/// <summary>What an operator has just done, handed from a form to the page that follows it: protected and for one sign-in session, so that no link makes our page say what did not happen.</summary>
internal sealed class ConsoleNotices(IDataProtectionProvider protection)
{
    public const string Parameter = "done";

    // The address of a page is a line of a request, which is not taken at any length.
    private const int MaxLength = 1000;

    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    private readonly ITimeLimitedDataProtector _protector = protection.CreateProtector("done in the console").ToTimeLimitedDataProtector();

    public string AddressOf(string path, string done, SignedInPerson person) =>
        $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{Parameter}={_protector.Protect($"{person.SessionId} {(done.Length > MaxLength ? $"{done[..MaxLength]}…" : done)}", Lifetime)}";

    /// <returns>Null when it is old, forged or another's.</returns>
    public string? Read(string? text, SignedInPerson person)
    {
        try
        {
            return !string.IsNullOrEmpty(text) && _protector.Unprotect(text).Split(' ', 2) is [var session, var done] && session == person.SessionId ? done : null;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }
}
