using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage;

namespace McpIdentity.Server.Housekeeping;

/// <summary>One table as both databases have it. It follows from the model, so that no table and no column can be forgotten.</summary>
/// <param name="From">The entity in the source.</param>
/// <param name="To">The same in the target.</param>
internal sealed record CopiedTable(IEntityType From, IEntityType To)
{
    public string Name { get; } = From.GetTableName()!;

    public string Quoted => $"\"{Name}\"";

    public IReadOnlyList<(IProperty From, IProperty To)> Columns { get; } = [.. From.GetProperties().Select(property => (property, To.FindProperty(property.Name)!))];

    public string Select => $"SELECT {string.Join(", ", Columns.Select(column => $"\"{column.From.GetColumnName()}\""))} FROM {Quoted}";

    public string SelectInTarget => $"SELECT {NamesInTarget} FROM {Quoted}";

    public string Insert => $"INSERT INTO {Quoted} ({NamesInTarget}) VALUES ";

    /// <summary>The column whose values the database gives, if there is one.</summary>
    public string? Number => To.FindPrimaryKey()!.Properties is [{ ValueGenerated: ValueGenerated.OnAdd } only] && (only.ClrType == typeof(long) || only.ClrType == typeof(int)) ? only.GetColumnName() : null;

    private string NamesInTarget => string.Join(", ", Columns.Select(column => $"\"{column.To.GetColumnName()}\""));

    /// <summary>All tables, each after those that its rows refer to.</summary>
    public static IReadOnlyList<CopiedTable> AllOf(IModel source, IModel target)
    {
        var left = source.GetEntityTypes().ToList();
        var ordered = new List<CopiedTable>();
        while (left.Count > 0)
        {
            var next = left.First(entity => entity.GetForeignKeys().All(key => key.PrincipalEntityType == entity || !left.Contains(key.PrincipalEntityType)));
            left.Remove(next);
            ordered.Add(new CopiedTable(next, target.FindEntityType(next.Name)!));
        }

        return ordered;
    }

    public object?[] ReadSource(DbDataReader reader) => Read(reader, column => column.From);

    public object?[] ReadTarget(DbDataReader reader) => Read(reader, column => column.To);

    /// <summary>What SQLite keeps and PostgreSQL does not: said with its row, before the database says it without.</summary>
    /// <exception cref="InvalidOperationException">The target cannot keep a value.</exception>
    public void RequireStorable(object?[] row)
    {
        for (var i = 0; i < row.Length; i++)
        {
            var problem = row[i] is not string text ? null
                : text.Contains('\0', StringComparison.Ordinal) ? "has a NUL character, which PostgreSQL cannot store"
                : Columns[i].To.GetMaxLength() is { } most && text.Length > most && text.EnumerateRunes().Count() > most ? $"is longer than {most} characters"
                : null;
            if (problem is not null)
            {
                var key = From.FindPrimaryKey()!.Properties.Select(property => $"{property.GetColumnName()} {row[Columns.ToList().FindIndex(column => column.From == property)]}");
                throw new InvalidOperationException($"In the table {Name}, the row with {string.Join(", ", key)}: {Columns[i].From.GetColumnName()} {problem}. Mend or delete that row in the source, and copy again; nothing was kept of this copy.");
            }
        }
    }

    private object?[] Read(DbDataReader reader, Func<(IProperty From, IProperty To), IProperty> side)
    {
        var row = new object?[Columns.Count];
        for (var i = 0; i < row.Length; i++)
        {
            row[i] = reader.IsDBNull(i) ? null : Read(reader, i, side(Columns[i]).GetRelationalTypeMapping());
        }

        return row;
    }

    private static object? Read(DbDataReader reader, int column, RelationalTypeMapping mapping)
    {
        var stored = mapping.GetDataReaderMethod().Invoke(reader, [column]);
        var value = mapping.Converter is { } converter ? converter.ConvertFromProvider(stored) : stored;
        // SQLite has no kinds of time; all that is kept is UTC, and PostgreSQL wants to be told.
        return value is DateTime { Kind: DateTimeKind.Unspecified } moment ? DateTime.SpecifyKind(moment, DateTimeKind.Utc) : value;
    }
}
