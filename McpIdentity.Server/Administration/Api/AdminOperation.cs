using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Administration.Api;

/// <summary>One operation of the admin API: what routes it, who may do it, and what <c>docs/admin-api.json</c> says of it.</summary>
/// <param name="Method">The HTTP method.</param>
/// <param name="Path">Below <see cref="Paths.AdminApi"/>: <c>/clients/{client_id}</c>.</param>
/// <param name="Id">The <c>operationId</c>.</param>
/// <param name="Right">What it asks of whoever calls it.</param>
/// <param name="Summary">What it does, in a sentence.</param>
/// <param name="Status">The status of success.</param>
/// <param name="RunAsync">Does it.</param>
internal sealed record AdminOperation(
    string Method, string Path, string Id, AdminRight Right, string Summary, int Status, Func<AdminCall, Task<Outcome<AdminAnswer>>> RunAsync)
{
    /// <summary>The parameters of the query; others are refused.</summary>
    public IReadOnlyList<AdminParameter> Query { get; init; } = [];

    /// <summary>The type of the body; null: it takes none.</summary>
    public Type? Body { get; init; }

    /// <summary>The type of the answer; null where there is no body, or one of another kind (<see cref="MediaTypes"/>).</summary>
    public Type? Answer { get; init; }

    /// <summary>What the answer may be, where that is no JSON document but an <see cref="AdminDownload"/>.</summary>
    public IReadOnlyList<string> MediaTypes { get; init; } = [];

    /// <summary>Whether it only asks, whatever its method: it ends with the request, and is not done to its end for nobody.</summary>
    public bool ChangesNothing { get; init; } = HttpMethods.IsGet(Method);

    /// <summary>Whether it answers a page of many.</summary>
    public bool IsList { get; init; }

    /// <summary>The tag in the document: the first part of the path.</summary>
    public string Subject => Path.Split('/')[1];
}

/// <summary>The body of a request.</summary>
internal interface IAdminBody<TSelf>
{
    /// <summary>One that the documentation shows, and the tests send.</summary>
    static abstract TSelf Example { get; }
}

/// <summary>
/// Members of a thing that change because it is used, and not because somebody changed it: <c>If-Match</c> does not speak of them. Each as
/// the wire has it, behind those that it stands in: <c>user.last_sign_in_at</c>.
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class ChangesByUseAttribute(params string[] paths) : Attribute
{
    public IReadOnlyList<string> Paths => paths;
}

/// <summary>What an operation answers.</summary>
/// <param name="Value">Of the operation's type; null: no body.</param>
/// <param name="Location">Where what was made is, below <see cref="Paths.AdminApi"/>.</param>
internal sealed record AdminAnswer(object? Value, string? Location = null);

/// <summary>An answer that is no JSON document, and may be of any length.</summary>
/// <param name="MediaType">One of <see cref="AdminOperation.MediaTypes"/>.</param>
/// <param name="FileName">What a browser keeps it as.</param>
/// <param name="WriteAsync">Writes it bit by bit.</param>
internal sealed record AdminDownload(string MediaType, string FileName, Func<Stream, CancellationToken, Task> WriteAsync);

/// <summary>A parameter of the query.</summary>
/// <param name="Name">In snake_case.</param>
/// <param name="Kind"><c>string</c>, <c>boolean</c>, <c>integer</c> or <c>date-time</c>.</param>
/// <param name="Meaning">What it does, in a sentence.</param>
/// <param name="Values">Those that it may have; null: any.</param>
internal sealed record AdminParameter(string Name, string Kind, string Meaning, IReadOnlyList<string>? Values = null)
{
    /// <summary>Whether the operation asks nothing without it.</summary>
    public bool IsRequired { get; init; }

    /// <summary>How long a text may be.</summary>
    public int MaxLength { get; init; } = 1000;

    public static AdminParameter Text(string name, string meaning) => new(name, "string", meaning);

    public static AdminParameter OneOf(string name, string meaning, params string[] values) => new(name, "string", meaning, values);

    public static AdminParameter Flag(string name, string meaning) => new(name, "boolean", meaning);

    public static AdminParameter Number(string name, string meaning) => new(name, "integer", meaning);

    public static AdminParameter Moment(string name, string meaning) => new(name, "date-time", meaning);
}

/// <summary>One page of a list.</summary>
/// <param name="Items">At most as many as were asked for (<see cref="AdminCall.Limit"/>).</param>
/// <param name="Next">
/// Where the next page begins, in the operation's own words (<see cref="AdminCall.After"/>); null on the last. On the wire it is closed, so
/// that nobody makes one up.
/// </param>
internal sealed record AdminPage<T>(IReadOnlyList<T> Items, string? Next) : IAdminPage
{
    /// <summary>The first of what was read, where one more was read than a page has.</summary>
    /// <param name="read">At most <paramref name="limit"/> and one.</param>
    /// <param name="limit">How many a page has.</param>
    /// <param name="key">Where an item stands in the order.</param>
    public static AdminPage<T> Of(IReadOnlyList<T> read, int limit, Func<T, string> key) =>
        read.Count > limit ? new([.. read.Take(limit)], key(read[limit - 1])) : new(read, null);

    object IAdminPage.With(string? next) => this with { Next = next };
}

/// <summary>A page, whatever it holds.</summary>
internal interface IAdminPage
{
    string? Next { get; }

    object With(string? next);
}
