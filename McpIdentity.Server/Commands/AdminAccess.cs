using System.Collections.Frozen;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;

namespace McpIdentity.Server.Commands;

/// <summary>
/// The operations of the admin API for a verb, by their ids: on this machine in this process (<see cref="LocalAccess"/>), or at a server
/// elsewhere (<see cref="RemoteAccess"/>). What is named in a path and in a query is said by name; what is null is left out.
/// </summary>
/// <param name="cancelled">Ends the reading and the waiting.</param>
internal abstract class AdminAccess(CancellationToken cancelled)
{
    private static readonly FrozenDictionary<string, AdminOperation> Operations = AdminApi.Create().Operations.ToFrozenDictionary(operation => operation.Id, StringComparer.Ordinal);

    /// <summary>Ends the reading and the waiting.</summary>
    public CancellationToken Cancelled => cancelled;

    /// <summary>How many of a list are read at once.</summary>
    protected abstract int PageSize { get; }

    /// <summary>An operation without a body.</summary>
    public Task<Outcome<T>> CallAsync<T>(string id, params (string Name, string? Value)[] values)
        where T : class => RunAsync<T>(id, null, null, values);

    /// <summary>An operation with a body.</summary>
    public Task<Outcome<T>> SendAsync<T>(string id, object body, params (string Name, string? Value)[] values)
        where T : class => RunAsync<T>(id, body, null, values);

    /// <summary>An operation that answers nothing.</summary>
    /// <returns>Why it was not done; null: it was.</returns>
    public async Task<AdminProblem?> RemoveAsync(string id, params (string Name, string? Value)[] values) => (await RunAsync<object>(id, null, null, values)).Problem;

    /// <summary>An operation that answers something long, which is not kept in memory.</summary>
    /// <param name="id">Which.</param>
    /// <param name="open">Where it goes to, once it is known that there is something.</param>
    /// <param name="values">As of the others.</param>
    public async Task<AdminProblem?> DownloadAsync(string id, Func<Stream> open, params (string Name, string? Value)[] values) => (await RunAsync<object>(id, null, open, values)).Problem;

    /// <summary>All of a list.</summary>
    public Task<Outcome<IReadOnlyList<T>>> ListAsync<T>(string id, params (string Name, string? Value)[] values) => ListAsync<T>(id, int.MaxValue, values);

    /// <summary>The first of a list.</summary>
    public async Task<Outcome<IReadOnlyList<T>>> ListAsync<T>(string id, int most, params (string Name, string? Value)[] values)
    {
        var all = new List<T>();
        string? cursor = null;
        while (all.Count < most)
        {
            var (page, problem) = await PageAsync<T>(id, Math.Min(PageSize, most - all.Count), cursor, values);
            if (problem is not null)
            {
                return problem;
            }

            all.AddRange(page!.Items);
            if (page.Next is null)
            {
                break;
            }

            cursor = page.Next != cursor ? page.Next : throw new VerbFailure(ExitCode.Failed, "The list has no end: what stands before the server answers the same page again and again.");
        }

        return new(all, null);
    }

    /// <summary>A page of a list.</summary>
    /// <param name="id">Which list.</param>
    /// <param name="limit">How many at most.</param>
    /// <param name="cursor"><see cref="AdminPage{T}.Next"/> of the page before.</param>
    /// <param name="values">As of the others.</param>
    public Task<Outcome<AdminPage<T>>> PageAsync<T>(string id, int limit, string? cursor, params (string Name, string? Value)[] values) =>
        RunAsync<AdminPage<T>>(id, null, null, [.. values, (AdminCall.LimitParameter, $"{limit}"), (AdminCall.CursorParameter, cursor)]);

    /// <param name="operation">Which.</param>
    /// <param name="path">What stands in its path, by name.</param>
    /// <param name="query">What stands in its query, by name.</param>
    /// <param name="body">Of <see cref="AdminOperation.Body"/>; null where there is none.</param>
    /// <param name="open">Where a download goes to.</param>
    /// <returns>Of <see cref="AdminOperation.Answer"/>; null where it answers nothing, or a download.</returns>
    protected abstract Task<Outcome<object>> RunAsync(AdminOperation operation, IReadOnlyDictionary<string, string> path, IReadOnlyDictionary<string, string> query, object? body, Func<Stream>? open);

    private async Task<Outcome<T>> RunAsync<T>(string id, object? body, Func<Stream>? open, (string Name, string? Value)[] values)
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

        var (answer, problem) = await RunAsync(operation, path, said[false].ToDictionary(value => value.Name, value => value.Value!), body, open);
        return problem is null ? new Outcome<T>((T?)answer, null) : problem;
    }
}
