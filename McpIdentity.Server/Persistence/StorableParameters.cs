using System.Data.Common;
using McpIdentity.Migrations;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// Everything that EF Core sends passes <see cref="StorableText"/>, what is stored and what is looked for alike: a name with a NUL
/// is kept the same way by both databases, and an identifier with one is found by neither, instead of an error of PostgreSQL's.
/// </summary>
internal sealed class StorableParameters : DbCommandInterceptor
{
    public override InterceptionResult<DbDataReader> ReaderExecuting(DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result) =>
        base.ReaderExecuting(Clean(command), eventData, result);

    public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default) =>
        base.ReaderExecutingAsync(Clean(command), eventData, result, cancellationToken);

    public override InterceptionResult<int> NonQueryExecuting(DbCommand command, CommandEventData eventData, InterceptionResult<int> result) =>
        base.NonQueryExecuting(Clean(command), eventData, result);

    public override ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default) =>
        base.NonQueryExecutingAsync(Clean(command), eventData, result, cancellationToken);

    private static DbCommand Clean(DbCommand command)
    {
        foreach (DbParameter parameter in command.Parameters)
        {
            if (parameter.Value is string text && StorableText.Of(text) is { } clean && !ReferenceEquals(clean, text))
            {
                parameter.Value = clean;
            }
        }

        return command;
    }
}
