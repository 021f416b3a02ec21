using System.Buffers;
using System.Text;
using McpIdentity.Mcp;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Administration;

/// <summary>
/// Records what an operator did: in the database, wherever it was done, and in the security log. In a container nobody keeps
/// what a verb prints, and the server's standard output is not the verb's.
/// </summary>
internal sealed class OperatorRecord(IServiceScopeFactory scopes, IOptions<McpOptions> mcp, SecurityLog log, TimeProvider time)
{
    /// <summary>Writes one act down. Where the database cannot be written, its line goes to standard error, and nothing is lost unsaid.</summary>
    public async Task WriteAsync(Operator by, SecurityEvent done)
    {
        var act = done with { Reason = done.Reason is null ? by.Way : $"{by.Way}, {done.Reason}", Actor = by.Name, Time = time.GetUtcNow() };
        if (mcp.Value.SecurityLogging.LogToFile || by.Way != Operator.ByCommandLine)
        {
            log.Write(null, act);
        }

        var line = LineOf(act);
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
            db.OperatorActs.Add(new OperatorAct { At = act.Time, Actor = act.Actor, Event = act.Event, Line = line });
            await db.SaveChangesAsync();
        }
        catch (Exception exception) when (exception is DbUpdateException || StorageFaults.IsOne(exception))
        {
            await Console.Error.WriteLineAsync($"The database did not take the record of this act ({exception.GetBaseException().Message}):");
            await Console.Error.WriteLineAsync(line);
        }
    }

    private static string LineOf(SecurityEvent act)
    {
        var buffer = new ArrayBufferWriter<byte>();
        SecurityEventJson.WriteLine(buffer, act);
        return Encoding.UTF8.GetString(buffer.WrittenSpan).TrimEnd();
    }
}
