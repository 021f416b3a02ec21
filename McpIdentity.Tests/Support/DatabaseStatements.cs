using System.Collections.Concurrent;
using System.Data.Common;
using System.Text.RegularExpressions;
using McpIdentity.Migrations;
using McpIdentity.Server.Persistence;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Support;

/// <summary>Hears what a request sends to the database, by EF Core and by prepared statements; what is written beside the requests, as the audit, is not among it.</summary>
internal sealed partial class DatabaseStatements
{
    private readonly ConcurrentQueue<string> _asked = [];
    private readonly HttpContextAccessor _context = new();

    /// <summary>Hears what the server sends from now on.</summary>
    public void ListenIn(WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<IHttpContextAccessor>(_context);
        var prepared = builder.Services.Last(service => service.ServiceType == typeof(PreparedSql));
        builder.Services.Remove(prepared);
        builder.Services.AddSingleton<PreparedSql>(services => new Counted(
            (PreparedSql)(prepared.ImplementationFactory?.Invoke(services) ?? ActivatorUtilities.CreateInstance(services, prepared.ImplementationType!)), Hear));
        builder.Services.ConfigureDbContext<SqliteMcpIdentityDbContext>(db => db.AddInterceptors(new OfEntities(Hear)));
        builder.Services.ConfigureDbContext<PostgresMcpIdentityDbContext>(db => db.AddInterceptors(new OfEntities(Hear)));
    }

    /// <summary>What requests have sent since the last time, in its order.</summary>
    public IReadOnlyList<string> Take()
    {
        var asked = _asked.ToArray();
        _asked.Clear();
        return asked;
    }

    private void Hear(string sql)
    {
        if (_context.HttpContext is not null)
        {
            _asked.Enqueue(sql);
        }
    }

    private static string NameOf(string sql)
    {
        var parts = Part().Match(sql);
        return parts.Success ? $"{parts.Groups["verb"].Value} {parts.Groups["table"].Value}" : sql;
    }

    [GeneratedRegex(@"^\s*((?<verb>UPDATE)|(?<verb>INSERT)\s+INTO|(?<verb>SELECT|DELETE)\b.*?\bFROM)\s+""(?<table>\w+)", RegexOptions.Singleline)]
    private static partial Regex Part();

    private sealed class Counted(PreparedSql inner, Action<string> hear) : PreparedSql, IDisposable
    {
        public override bool IsPostgres => inner.IsPostgres;

        public override ValueTask<T?> ReadAsync<T>(string sql, object?[] values, Func<DbDataReader, T> read, CancellationToken cancellationToken)
            where T : class
        {
            hear(NameOf(sql));
            return inner.ReadAsync(sql, values, read, cancellationToken);
        }

        public override Task<List<T>> ListAsync<T>(string sql, object?[] values, Func<DbDataReader, T> read, CancellationToken cancellationToken)
        {
            hear(NameOf(sql));
            return inner.ListAsync(sql, values, read, cancellationToken);
        }

        public override string ConnectionString => inner.ConnectionString;

        public override Task<DbConnection> OpenAsync(CancellationToken cancellationToken) => inner.OpenAsync(cancellationToken);

        public override Task<int> WriteAsync(string sql, params object?[] values)
        {
            hear(NameOf(sql));
            return inner.WriteAsync(sql, values);
        }

        public override Task<bool> WriteTogetherAsync(params (string Sql, object?[] Values)[] statements)
        {
            hear(string.Join(" with ", statements.Select(statement => NameOf(statement.Sql))));
            return inner.WriteTogetherAsync(statements);
        }

        public override DateTimeOffset Moment(DbDataReader row, int column) => inner.Moment(row, column);

        public void Dispose() => (inner as IDisposable)?.Dispose();
    }

    private sealed class OfEntities(Action<string> hear) : DbCommandInterceptor
    {
        public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
        {
            hear("EF Core " + NameOf(command.CommandText));
            return new(result);
        }

        public override ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
        {
            hear("EF Core " + NameOf(command.CommandText));
            return new(result);
        }
    }
}
