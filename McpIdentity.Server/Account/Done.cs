using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using McpIdentity.Server.Sessions;
using Microsoft.AspNetCore.DataProtection;

namespace McpIdentity.Server.Account;

/// <summary>
/// What a person has just done, handed from a form to the list that follows it: protected, for a few minutes and for one sign-in
/// session, so that no link makes our page say what did not happen.
/// </summary>
internal sealed class Done(IDataProtectionProvider protection)
{
    public const string Parameter = "done";

    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    private readonly ITimeLimitedDataProtector _protector = protection.CreateProtector("done in the account").ToTimeLimitedDataProtector();

    public string AddressOf(string list, Act act, SignedInPerson person) =>
        $"{list}?{Parameter}={_protector.Protect(JsonSerializer.Serialize(act with { SessionId = person.SessionId }, DoneJson.Default.Act), Lifetime)}";

    /// <returns>Null when it is old, forged or another's.</returns>
    public Act? Read(string? text, SignedInPerson person)
    {
        try
        {
            return string.IsNullOrEmpty(text) ? null
                : JsonSerializer.Deserialize(_protector.Unprotect(text), DoneJson.Default.Act) is { } act && act.SessionId == person.SessionId ? act
                : null;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    /// <param name="Deed">What was done.</param>
    /// <param name="Name">To what.</param>
    /// <param name="SessionId">In which sign-in session.</param>
    internal sealed record Act(Deed Deed, string? Name = null, string? SessionId = null);

    internal enum Deed
    {
        Disconnected,
        TakenBack,
        NotConnected,
        AllDisconnected,
        SignedOut,
        NotSignedIn,
        OthersSignedOut,
        AccountDisconnected,
        NoAccount,
    }
}

/// <summary>As it travels.</summary>
[JsonSerializable(typeof(Done.Act))]
internal sealed partial class DoneJson : JsonSerializerContext;
