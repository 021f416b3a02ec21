using System.Net.Mail;

namespace McpIdentity.Server.Protocol;

/// <summary>How settings name people: by e-mail address, by <c>@</c> and a domain, or by their <c>sub</c>.</summary>
internal static class PersonEntry
{
    /// <summary>Whether it can be an e-mail address, or <c>@</c> and a domain of them.</summary>
    public static bool IsAddressOrDomain(string entry) =>
        Scope.IsOfAddresses(entry) && MailAddress.TryCreate(entry[0] == '@' ? "somebody" + entry : entry, out var address) && address.Address.EndsWith(entry, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether it is the prefix and something behind it.</summary>
    public static bool Is(string prefix, string entry) => entry.Length > prefix.Length && entry.StartsWith(prefix, StringComparison.Ordinal);

    /// <summary>Whether an entry with an address or a domain is about this address.</summary>
    public static bool Names(string entry, string email) =>
        (entry[0] == '@' ? DomainOf(email) : email).Equals(entry, StringComparison.OrdinalIgnoreCase);

    /// <summary>The domain with its <c>@</c>.</summary>
    public static string DomainOf(string email) => email[Math.Max(email.LastIndexOf('@'), 0)..];
}
