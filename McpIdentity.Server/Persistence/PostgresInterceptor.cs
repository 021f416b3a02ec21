using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Npgsql;

namespace McpIdentity.Server.Persistence;

/// <summary>EF Core opens its connections by <see cref="PostgresConnections"/>, and tells it how its statements went.</summary>
internal sealed class PostgresInterceptor(PostgresConnections connections) : IDbConnectionInterceptor, IDbCommandInterceptor
{
    public async ValueTask<InterceptionResult> ConnectionOpeningAsync(
        DbConnection connection, ConnectionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default)
    {
        await connections.OpenAsync((NpgsqlConnection)connection, cancellationToken);
        return InterceptionResult.Suppress();
    }

    public ValueTask<DbDataReader> ReaderExecutedAsync(
        DbCommand command, CommandExecutedEventData eventData, DbDataReader result, CancellationToken cancellationToken = default)
    {
        connections.Answered();
        return new(result);
    }

    public ValueTask<int> NonQueryExecutedAsync(
        DbCommand command, CommandExecutedEventData eventData, int result, CancellationToken cancellationToken = default)
    {
        connections.Answered();
        return new(result);
    }

    public Task CommandFailedAsync(DbCommand command, CommandErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        PostgresConnections.Failed(command.Connection as NpgsqlConnection, eventData.Exception);
        return Task.CompletedTask;
    }
}
