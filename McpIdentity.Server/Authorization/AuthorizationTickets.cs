using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// What our own pages hand to each other through the browser: encrypted and signed, so that no node keeps state and nobody can
/// make a page speak of another client than the one that asked. Compressed, because it travels in an address.
/// </summary>
internal sealed class AuthorizationTickets(IDataProtectionProvider protection, TimeProvider time)
{
    /// <summary>
    /// The longest query of an authorization request, as we write it, that a ticket of it still fits into an address:
    /// with 8,192 bytes for a request line, as servers and proxies have it.
    /// </summary>
    public const int MaxQueryLength = 6656;

    // What a page says of a request stays true for so long; after that the request is validated anew before anything is decided.
    private static readonly TimeSpan Freshness = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(1);
    private static readonly TimeSpan DecisionLifetime = TimeSpan.FromMinutes(5);

    // In place of the tools that were chosen.
    private const string Everything = "*";

    private readonly IDataProtector _pending = protection.CreateProtector("pending authorization, compressed");
    private readonly ITimeLimitedDataProtector _decision = protection.CreateProtector("consent decision").ToTimeLimitedDataProtector();
    private readonly ITimeLimitedDataProtector _refusal = protection.CreateProtector("refused sign-in").ToTimeLimitedDataProtector();

    public string Protect(PendingAuthorization pending)
    {
        using var ticket = new MemoryStream();
        Span<byte> now = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(now, time.GetUtcNow().ToUnixTimeSeconds());
        ticket.Write(now);
        using (var compressed = new DeflateStream(ticket, CompressionLevel.Optimal, leaveOpen: true))
        {
            JsonSerializer.Serialize(compressed, pending, AuthorizationJson.Default.PendingAuthorization);
        }

        return Base64UrlEncoder.Encode(_pending.Protect(ticket.ToArray()));
    }

    /// <returns>Null when the ticket is forged, or older than a day.</returns>
    public PendingAuthorization? Read(string? ticket)
    {
        if (UnprotectBytes(ticket) is not { } bytes)
        {
            return null;
        }

        var age = time.GetUtcNow() - DateTimeOffset.FromUnixTimeSeconds(BinaryPrimitives.ReadInt64BigEndian(bytes));
        using var compressed = new DeflateStream(new MemoryStream(bytes, sizeof(long), bytes.Length - sizeof(long)), CompressionMode.Decompress);
        return age > Lifetime ? null : JsonSerializer.Deserialize(compressed, AuthorizationJson.Default.PendingAuthorization)! with { IsFresh = age <= Freshness };
    }

    /// <summary>
    /// Says what the person behind one session has chosen of one request, and when; worth nothing for any other. It travels in an address,
    /// so it says which of the tools are left, not their names: where some are not, it is worth nothing when there are other tools meanwhile.
    /// </summary>
    /// <param name="choice">Of what the request asks for, and of <paramref name="tools"/>.</param>
    /// <param name="sessionId">The sign-in session.</param>
    /// <param name="request">What was decided on.</param>
    /// <param name="tools">All that there are at its resource (<see cref="ConsentOffers.ToolsAt"/>).</param>
    public string ProtectDecision(ConsentChoice choice, string sessionId, PendingAuthorization request, IReadOnlyList<string> tools) =>
        CloseDecision(string.Create(CultureInfo.InvariantCulture,
            $"{Fingerprint(sessionId, request.Query)} {time.GetUtcNow().UtcTicks} {Places(choice.Scopes, request.Scopes.Split(' '))} {choice.StaysConnected} " +
            $"{(choice.Tools is { } left ? $"{Fingerprint("", string.Join('\n', tools))}.{Places(left, tools)}" : Everything)}"));

    /// <summary>What a decision says, for a page after the consent page, which keeps it in a ticket of its own for as long as that takes.</summary>
    public string? OpenDecision(string? ticket) => Unprotect(_decision, ticket);

    /// <summary>A decision that was opened, for the way on from that page.</summary>
    public string CloseDecision(string decision) => _decision.Protect(decision, DecisionLifetime);

    /// <returns>Null when there is no decision on exactly this request in this session; else with the moment of it.</returns>
    public (ConsentChoice Choice, DateTimeOffset At)? ReadDecision(string? ticket, string sessionId, PendingAuthorization request, IReadOnlyList<string> tools)
    {
        if (Unprotect(_decision, ticket)?.Split(' ') is not [var fingerprint, var ticks, var scopes, var stays, var left] || fingerprint != Fingerprint(sessionId, request.Query) ||
            (left != Everything && !left.StartsWith(Fingerprint("", string.Join('\n', tools)) + ".", StringComparison.Ordinal)))
        {
            return null;
        }

        var choice = new ConsentChoice(At(scopes, request.Scopes.Split(' ')), left == Everything ? null : At(left.Split('.')[1], tools), bool.Parse(stays));
        return (choice, new DateTimeOffset(long.Parse(ticks, CultureInfo.InvariantCulture), TimeSpan.Zero));
    }

    /// <summary>Says that nobody could sign in for a request, with the error that its client is told.</summary>
    public string ProtectRefusal(string error, PendingAuthorization pending) =>
        _refusal.Protect($"{error} {Fingerprint(pending.ClientId, pending.RedirectUri)}", DecisionLifetime);

    /// <returns>The error, or null when it is no refusal of a request of this client.</returns>
    public string? ReadRefusal(string? ticket, PendingAuthorization pending) =>
        Unprotect(_refusal, ticket)?.Split(' ') is [var error, var fingerprint] && fingerprint == Fingerprint(pending.ClientId, pending.RedirectUri)
            ? error
            : null;

    // A bit for each of all.
    private static string Places(IReadOnlyList<string> some, IReadOnlyList<string> all)
    {
        var bits = new byte[(all.Count + 7) / 8];
        foreach (var (place, _) in all.Index().Where(one => some.Contains(one.Item)))
        {
            bits[place / 8] |= (byte)(1 << (place % 8));
        }

        return Base64UrlEncoder.Encode(bits);
    }

    private static string[] At(string places, IReadOnlyList<string> all)
    {
        var bits = Base64UrlEncoder.DecodeBytes(places);
        return [.. all.Index().Where(one => (bits[one.Index / 8] & (1 << (one.Index % 8))) != 0).Select(one => one.Item)];
    }

    private byte[]? UnprotectBytes(string? ticket)
    {
        try
        {
            return string.IsNullOrEmpty(ticket) ? null : _pending.Unprotect(Base64UrlEncoder.DecodeBytes(ticket));
        }
        catch (Exception exception) when (exception is CryptographicException or FormatException)
        {
            return null;
        }
    }

    private static string? Unprotect(ITimeLimitedDataProtector protector, string? ticket)
    {
        try
        {
            return string.IsNullOrEmpty(ticket) ? null : protector.Unprotect(ticket);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private static string Fingerprint(string subject, string query) =>
        Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(subject + query)));
}
