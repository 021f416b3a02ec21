namespace McpIdentity.Server.Administration.Api;

/// <summary>
/// The table of the admin API's operations, which routing, rights, tests and <c>docs/admin-api.json</c> are made from. A subject adds its
/// own in a file beside this one, and is named in <see cref="Create"/>.
/// </summary>
internal sealed class AdminApi
{
    private readonly List<AdminOperation> _operations = [];

    private AdminApi()
    {
    }

    public IReadOnlyList<AdminOperation> Operations => _operations;

    public static AdminApi Create()
    {
        var api = new AdminApi();
        CallerOperations.Add(api);
        ClientOperations.Add(api);
        UserOperations.Add(api);
        RoleOperations.Add(api);
        AccessOperations.Add(api);
        KeyOperations.Add(api);
        GatewayOperations.Add(api);
        PolicyOperations.Add(api);
        RuleOperations.Add(api);
        AuditOperations.Add(api);
        return api;
    }

    /// <summary>Reads one thing. Its answer has an <c>ETag</c>, which changes of the same thing may name in <c>If-Match</c>.</summary>
    public void Get<T>(string path, string id, AdminRight right, string summary, Func<AdminCall, Task<Outcome<T>>> run, params AdminParameter[] query)
        where T : notnull => Add(new(HttpMethods.Get, path, id, right, summary, StatusCodes.Status200OK, async call => Wrap(await run(call))) { Answer = typeof(T), Query = query });

    /// <summary>Reads a page of many: <see cref="AdminCall.Limit"/> of them, from <see cref="AdminCall.After"/> on.</summary>
    public void List<T>(string path, string id, AdminRight right, string summary, Func<AdminCall, Task<Outcome<AdminPage<T>>>> run, params AdminParameter[] query) =>
        Add(new(HttpMethods.Get, path, id, right, summary, StatusCodes.Status200OK, async call => Wrap(await run(call)))
        {
            Answer = typeof(AdminPage<T>),
            IsList = true,
            Query = [.. query, AdminParameter.Number(AdminCall.LimitParameter, $"How many a page has: 1 to {AdminCall.MaxLimit}, {AdminCall.DefaultLimit} where it is absent."), AdminParameter.Text(AdminCall.CursorParameter, "next of the page before.")],
        });

    /// <summary>Reads what is no JSON document: an export, of one of these types.</summary>
    public void Download(string path, string id, AdminRight right, string summary, IReadOnlyList<string> mediaTypes, Func<AdminCall, AdminDownload> begin, params AdminParameter[] query) =>
        Add(new(HttpMethods.Get, path, id, right, summary, StatusCodes.Status200OK, call => Task.FromResult<Outcome<AdminAnswer>>(new AdminAnswer(begin(call)))) { MediaTypes = mediaTypes, Query = query });

    /// <summary>Makes something. Sent again with the same <c>Idempotency-Key</c>, it is made once.</summary>
    /// <param name="location">Where what was made is: a path of this table.</param>
    public void Create<TBody, T>(string path, string id, AdminRight right, string summary, Func<AdminCall, TBody, Task<Outcome<T>>> run, Func<T, string> location)
        where TBody : IAdminBody<TBody>
        where T : notnull => Add(new(HttpMethods.Post, path, id, right, summary, StatusCodes.Status201Created, async call =>
        {
            var made = await run(call, (TBody)call.Body!);
            return made.Problem is { } problem ? problem : new AdminAnswer(made.Value, location(made.Value!));
        })
        { Body = typeof(TBody), Answer = typeof(T) });

    /// <summary>Changes some members of a thing.</summary>
    public void Update<TBody, T>(string path, string id, AdminRight right, string summary, Func<AdminCall, TBody, Task<Outcome<T>>> run)
        where TBody : IAdminBody<TBody>
        where T : notnull => Add(new(HttpMethods.Patch, path, id, right, summary, StatusCodes.Status200OK, async call => Wrap(await run(call, (TBody)call.Body!))) { Body = typeof(TBody), Answer = typeof(T) });

    /// <summary>Puts something in the place of what is there, or where nothing is.</summary>
    public void Replace<TBody, T>(string path, string id, AdminRight right, string summary, Func<AdminCall, TBody, Task<Outcome<T>>> run)
        where TBody : IAdminBody<TBody>
        where T : notnull => Add(new(HttpMethods.Put, path, id, right, summary, StatusCodes.Status200OK, async call => Wrap(await run(call, (TBody)call.Body!))) { Body = typeof(TBody), Answer = typeof(T) });

    /// <summary>Takes something away.</summary>
    public void Remove(string path, string id, AdminRight right, string summary, Func<AdminCall, Task<AdminProblem?>> run, params AdminParameter[] query) =>
        Add(new(HttpMethods.Delete, path, id, right, summary, StatusCodes.Status204NoContent, async call => await run(call) is { } problem ? problem : new AdminAnswer(null)) { Query = query });

    /// <summary>Does something to a thing: <c>POST …/disable</c>.</summary>
    public void Act<T>(string path, string id, AdminRight right, string summary, Func<AdminCall, Task<Outcome<T>>> run)
        where T : notnull => Add(new(HttpMethods.Post, path, id, right, summary, StatusCodes.Status200OK, async call => Wrap(await run(call))) { Answer = typeof(T) });

    /// <summary>The same, with a body; none at all is an object without members.</summary>
    public void Act<TBody, T>(string path, string id, AdminRight right, string summary, Func<AdminCall, TBody, Task<Outcome<T>>> run)
        where TBody : IAdminBody<TBody>
        where T : notnull => Add(new(HttpMethods.Post, path, id, right, summary, StatusCodes.Status200OK, async call => Wrap(await run(call, (TBody)call.Body!))) { Body = typeof(TBody), Answer = typeof(T) });

    /// <summary>Asks something that takes a body to say, and changes nothing.</summary>
    public void Ask<TBody, T>(string path, string id, AdminRight right, string summary, Func<AdminCall, TBody, Task<Outcome<T>>> run)
        where TBody : IAdminBody<TBody>
        where T : notnull => Add(new(HttpMethods.Post, path, id, right, summary, StatusCodes.Status200OK, async call => Wrap(await run(call, (TBody)call.Body!))) { Body = typeof(TBody), Answer = typeof(T), ChangesNothing = true });

    private void Add(AdminOperation operation) => _operations.Add(operation);

    private static Outcome<AdminAnswer> Wrap<T>(Outcome<T> outcome) => outcome.Problem is { } problem ? problem : new AdminAnswer(outcome.Value);
}
