using System.Security.Cryptography;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
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
    private readonly ITimeLimitedDataProtector _anew = protection.CreateProtector("signed in anew for the console").ToTimeLimitedDataProtector();

    public string AddressOf(string path, string done, SignedInPerson person) =>
        With(path, Parameter, _protector.Protect($"{person.SessionId} {Short(done)}", Lifetime));

    /// <summary>Where somebody comes back to whom a sign-in was asked for: for a while, and for them alone, the page may say what came of it.</summary>
    public string AskingAnew(string path, SignedInPerson person) => With(path, KnownParameters.SignedInAnew, _anew.Protect(person.UserId, AdminRights.Fresh));

    /// <summary>Whether they were, a short time ago.</summary>
    public bool WasAskedAnew(string? text, SignedInPerson person)
    {
        try
        {
            return !string.IsNullOrEmpty(text) && _anew.Unprotect(text) == person.UserId;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private static string With(string path, string parameter, string value) => $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{parameter}={value}";

    // Half a character is no text that can be protected.
    private static string Short(string done) => done.Length <= MaxLength ? done : $"{done[..(char.IsHighSurrogate(done[MaxLength - 1]) ? MaxLength - 1 : MaxLength)]}…";

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
