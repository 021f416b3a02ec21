using System.Collections.Frozen;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;

namespace McpIdentity.Server.Commands;

/// <summary>
/// The operations of the admin API for a verb, by their ids: on this machine in this process (<see cref="LocalAccess"/>), or at a server
/// elsewhere (<see cref="RemoteAccess"/>). What is named in a path and in a query is said by name; what is null is left out.
/// </summary>
internal abstract class AdminAccess
{
    private static readonly FrozenDictionary<string, AdminOperation> Operations = AdminApi.Create().Operations.ToFrozenDictionary(operation => operation.Id, StringComparer.Ordinal);

    /// <summary>An operation without a body.</summary>
    public Task<Outcome<T>> CallAsync<T>(string id, params (string Name, string? Value)[] values)
        where T : class => RunAsync<T>(id, null, values);

    /// <summary>An operation with a body.</summary>
    public Task<Outcome<T>> SendAsync<T>(string id, object body, params (string Name, string? Value)[] values)
        where T : class => RunAsync<T>(id, body, values);

    /// <summary>An operation that answers nothing.</summary>
    /// <returns>Why it was not done; null: it was.</returns>
    public async Task<AdminProblem?> RemoveAsync(string id, params (string Name, string? Value)[] values) => (await RunAsync<object>(id, null, values)).Problem;

    /// <summary>All pages of a list.</summary>
    public async Task<Outcome<IReadOnlyList<T>>> ListAsync<T>(string id, params (string Name, string? Value)[] values)
    {
        var all = new List<T>();
        string? cursor = null;
        do
        {
            var (page, problem) = await RunAsync<AdminPage<T>>(id, null, [.. values, ("limit", $"{AdminCall.MaxLimit}"), ("cursor", cursor)]);
            if (problem is not null)
            {
                return problem;
            }

            all.AddRange(page!.Items);
            cursor = page.Next;
        }
        while (cursor is not null);

        return new(all, null);
    }

    /// <param name="operation">Which.</param>
    /// <param name="path">What stands in its path, by name.</param>
    /// <param name="query">What stands in its query, by name.</param>
    /// <param name="body">Of <see cref="AdminOperation.Body"/>; null where there is none.</param>
    /// <returns>Of <see cref="AdminOperation.Answer"/>; null where it answers nothing.</returns>
    protected abstract Task<Outcome<object>> RunAsync(AdminOperation operation, IReadOnlyDictionary<string, string> path, IReadOnlyDictionary<string, string> query, object? body);

    private async Task<Outcome<T>> RunAsync<T>(string id, object? body, (string Name, string? Value)[] values)
        where T : class
    {
        var operation = Operations[id];
        var said = values.Where(value => value.Value is not null).ToLookup(value => operation.Path.Contains($"{{{value.Name}}}", StringComparison.Ordinal));
        var path = said[true].ToDictionary(value => value.Name, value => value.Value!);

        // RFC 3986 §5.2.4: an address cannot say them, and nothing is called so.
        if (path.FirstOrDefault(part => part.Value is "" or "." or "..") is { Key: { } unnamed, Value: var wanted })
        {
            return AdminProblem.NotFound(unnamed.Split('_')[0], wanted);
        }

        var (answer, problem) = await RunAsync(operation, path, said[false].ToDictionary(value => value.Name, value => value.Value!), body);
        return problem is null ? new((T?)answer, null) : problem;
    }
}
