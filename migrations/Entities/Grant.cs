using System.Buffers.Text;
using System.Linq.Expressions;

namespace McpIdentity.Migrations.Entities;

/// <summary>
/// One authorization that a person gave to one client: its code, and the family of refresh tokens that follows. The one
/// row is all that is stored of them; spending a code or a refresh token is one conditional update of it.
/// </summary>
public sealed class Grant
{
    /// <summary>The length of <see cref="Id"/> in bytes.</summary>
    public const int IdSize = 16;

    /// <summary>A UUID of sixteen bytes, those of one time beside each other (version 7, RFC 9562 §5.7; random ones before 0.2.0); in access tokens as <c>oi_au_id</c>.</summary>
    public required byte[] Id { get; set; }

    public required string UserId { get; set; }

    public required string ClientId { get; set; }

    /// <summary>The sign-in session that it belongs to, the <c>sid</c> of its tokens.</summary>
    public required string SessionId { get; set; }

    /// <summary>0 while the code waits to be redeemed; then the number of the refresh token that is current.</summary>
    public int Generation { get; set; }

    /// <summary>When <see cref="Generation"/> last changed: the grace for a repeated refresh counts from here.</summary>
    public DateTimeOffset RotatedAt { get; set; }

    /// <summary>When the code, and then the current refresh token, can no longer be used.</summary>
    public DateTimeOffset ExpiresAt
    {
        get;
        set => (field, ExpiresOn) = (value, DayOf(value));
    }

    /// <summary>
    /// The day of <see cref="ExpiresAt"/> (UTC), by which pruning finds it: an index of what each refresh changes would have PostgreSQL write all indexes of the row anew
    /// (no heap-only update). A server that does not know the column leaves it behind.
    /// </summary>
    public DateTimeOffset ExpiresOn { get; private set; }

    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>When it was ended early: by revocation, or because a code or refresh token came twice.</summary>
    public DateTimeOffset? RevokedAt { get; set; }

    /// <summary>The claims that its tokens are made of, encrypted under the encryption key.</summary>
    public required string ProtectedClaims { get; set; }

    /// <summary>As <see cref="ExpiresOn"/> has it.</summary>
    public static DateTimeOffset DayOf(DateTimeOffset moment) => new(moment.UtcDateTime.Date, TimeSpan.Zero);

    /// <summary>Those that were over before a moment, by the index.</summary>
    public static Expression<Func<Grant, bool>> ExpiredBefore(DateTimeOffset moment)
    {
        var day = DayOf(moment);
        return grant => grant.ExpiresOn <= day && grant.ExpiresAt < moment;
    }

    /// <summary>A grant's identifier as it stands in access tokens (<c>oi_au_id</c>), in the log and on the command line.</summary>
    public static string NameOf(ReadOnlySpan<byte> id) => Base64Url.EncodeToString(id);

    /// <returns>The identifier, or null when the text is none.</returns>
    public static byte[]? ParseName(string? name) =>
        name is not null && Base64Url.IsValid(name, out var size) && size == IdSize ? Base64Url.DecodeFromChars(name) : null;
}
