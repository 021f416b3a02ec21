using System.Buffers;
using System.Data.Common;
using System.Diagnostics;
using System.Text;
using McpIdentity.Mcp;
using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Audit;
using McpIdentity.Server.Persistence;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Administration;

/// <summary>
/// Records what an operator did: in the audit, wherever it was done, and in the security log. In a container nobody keeps
/// what a verb prints, and the server's standard output is not the verb's.
/// </summary>
internal sealed class OperatorRecord(AuditTrail trail, IOptions<McpOptions> mcp, SecurityLog log, IHttpContextAccessor http, TimeProvider time)
{
    /// <summary>Writes one act down, durably. Where the database cannot be written, its line goes to standard error, and nothing is lost unsaid.</summary>
    /// <returns>Whether the database took it.</returns>
    public async Task<bool> WriteAsync(Operator by, SecurityEvent done)
    {
        // Of the request in the console or at the API; a verb has none.
        var request = http.HttpContext;
        var act = done with
        {
            Reason = done.Reason is null ? by.Way : $"{by.Way}, {done.Reason}",
            Actor = by.Name,
            Time = time.GetUtcNow(),
            Address = request is null ? null : SecurityLog.AddressOf(request),
            TraceId = Activity.Current?.TraceId.ToHexString() ?? request?.TraceIdentifier,
        };
        if (mcp.Value.SecurityLogging.LogToFile || by.Way != Operator.ByCommandLine)
        {
            log.Write(null, act, EventReaders.Log);
        }

        try
        {
            await trail.WriteAsync(act);
            return true;
        }
        catch (Exception exception) when (exception is DbException || StorageFaults.IsOne(exception))
        {
            await Console.Error.WriteLineAsync($"The database did not take the record of this act ({exception.GetBaseException().Message}):");
            await Console.Error.WriteLineAsync(LineOf(act));
            if (trail.StopsIssuing && by.Way != Operator.ByCommandLine)
            {
                throw new StorageUnavailableException("the audit did not take the record of this act, and Audit:WhenUnavailable is StopIssuing", exception);
            }

            return false;
        }
    }

    private static string LineOf(SecurityEvent act)
    {
        var buffer = new ArrayBufferWriter<byte>();
        SecurityEventJson.WriteLine(buffer, act);
        return Encoding.UTF8.GetString(buffer.WrittenSpan).TrimEnd();
    }
}
