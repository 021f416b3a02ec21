using System.Buffers;
using System.Text;
using McpIdentity.Mcp;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Commands;

/// <summary>
/// Records what an operator did: in the database, wherever the command line was, and in the security log where that is a
/// file. In a container nobody keeps what a verb prints, and the server's standard output is not the verb's.
/// </summary>
internal static class OperatorRecord
{
    private const string Reason = "by the command line";

    /// <summary>The user of the operating system; behind <c>sudo</c> whoever called it too.</summary>
    public static string Actor
    {
        get
        {
            var caller = Environment.GetEnvironmentVariable("SUDO_USER");
            return $"{Environment.UserName}{(string.IsNullOrEmpty(caller) ? "" : $" (sudo by {CommandLine.Printable(caller)})")}@{Environment.MachineName}";
        }
    }

    /// <summary>Writes one act down. Where the database cannot be written, its line goes to standard error, and nothing is lost unsaid.</summary>
    public static async Task WriteAsync(IServiceProvider services, SecurityEvent done)
    {
        var act = done with { Reason = done.Reason is null ? Reason : $"{Reason}, {done.Reason}", Actor = Actor, Time = services.GetRequiredService<TimeProvider>().GetUtcNow() };
        if (services.GetRequiredService<IOptions<McpOptions>>().Value.SecurityLogging.LogToFile)
        {
            services.GetRequiredService<SecurityLog>().Write(null, act);
        }

        var line = LineOf(act);
        try
        {
            await using var scope = services.CreateAsyncScope();
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
