using System.Security.Cryptography;
using System.Text;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Persistence;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Administration.Api;

/// <summary>
/// The answers of requests that came with an <c>Idempotency-Key</c>, for a day: a caller that did not hear the answer sends the same again
/// and nothing is done twice. What was refused changed nothing, and its key is free again.
/// </summary>
internal sealed class IdempotentAnswers(McpIdentityDbContext db, PreparedSql sql, EncryptionKeys keys, TimeProvider time)
{
    // One statement: of many at once one holds the key.
    private const string Hold = """
        INSERT INTO "IdempotentAnswers" ("Id", "Request", "Status", "ExpiresAt") VALUES ($1, $2, 0, $3) ON CONFLICT ("Id") DO NOTHING
        """;

    private const string Keep = """UPDATE "IdempotentAnswers" SET "Status" = $2, "ProtectedBody" = $3, "ExpiresAt" = $4 WHERE "Id" = $1""";
    private const string Purpose = "answers of the admin API";
    private const string Free = """DELETE FROM "IdempotentAnswers" WHERE "Id" = $1 AND "Status" = 0""";

    private static readonly TimeSpan Kept = TimeSpan.FromHours(24);

    // A server that died in the middle holds the key no longer than this.
    private static readonly TimeSpan Running = TimeSpan.FromMinutes(5);

    /// <summary>What a request was answered before.</summary>
    public sealed record Answer(int Status, string? Location, byte[] Body);

    public static byte[] IdOf(string caller, string key) => SHA256.HashData(Encoding.UTF8.GetBytes($"{caller}\n{key}"));

    public static byte[] RequestOf(string method, string address, byte[] body) => SHA256.HashData([.. Encoding.UTF8.GetBytes($"{method} {address}\n"), .. body]);

    /// <returns>Nothing where the key is held for this request from now on; otherwise what it was answered, or why it is not.</returns>
    public async Task<Outcome<Answer>> HoldAsync(byte[] id, byte[] request, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await db.WriteAsync(() => db.IdempotentAnswers.Where(answer => answer.Id == id && answer.ExpiresAt <= now).ExecuteDeleteAsync(cancellationToken), cancellationToken);
        if (await sql.WriteAsync(Hold, id, request, now + Running) == 1)
        {
            return default;
        }

        var held = await db.IdempotentAnswers.AsNoTracking().FirstOrDefaultAsync(answer => answer.Id == id, cancellationToken);
        if (held is { Status: > 0 } && held.Request.SequenceEqual(request))
        {
            return Read(held) is { } answer ? answer : new AdminProblem("idempotency_key_reused", StatusCodes.Status422UnprocessableEntity, "The answer to this key cannot be read any more: use a new one.");
        }

        return held is not null && !held.Request.SequenceEqual(request)
            ? new AdminProblem("idempotency_key_reused", StatusCodes.Status422UnprocessableEntity, "This Idempotency-Key was sent with another request. Use a new one for each request.")
            : AdminProblem.Conflict("request_in_progress", "The first request with this Idempotency-Key is not done yet. Send it again in a moment.");
    }

    /// <summary>Done: whoever sends it again gets this.</summary>
    public Task KeepAsync(byte[] id, Answer answer) =>
        sql.WriteAsync(Keep, id, answer.Status, keys.Protect(Purpose, [.. Encoding.UTF8.GetBytes($"{answer.Location}\n"), .. answer.Body]), time.GetUtcNow() + Kept);

    /// <summary>Nothing was done.</summary>
    public Task FreeAsync(byte[] id) => sql.WriteAsync(Free, id);

    private Answer? Read(IdempotentAnswer held)
    {
        if (keys.Unprotect(Purpose, held.ProtectedBody!) is not { } bytes)
        {
            return null; // its encryption key is not configured any more
        }

        var end = Array.IndexOf(bytes, (byte)'\n');
        return new Answer(held.Status, end > 0 ? Encoding.UTF8.GetString(bytes, 0, end) : null, bytes[(end + 1)..]);
    }
}
