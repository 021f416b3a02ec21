namespace McpIdentity.Server.Administration;

/// <summary>Why an act of an operator was not done: the API answers it as problem details (RFC 9457), a page and a verb in words.</summary>
/// <param name="Code">Stable, for programs: <c>client_not_found</c>. The last part of the problem's <c>type</c>.</param>
/// <param name="Status">The HTTP status that says the same: 404, 409, 412, 422, 503.</param>
/// <param name="Detail">What happened and what to do, for people; names no secret.</param>
internal sealed record AdminProblem(string Code, int Status, string Detail)
{
    /// <summary>The code of a request that says something that cannot be.</summary>
    public const string InvalidRequest = "invalid_request";

    /// <summary>The code of a query that cannot be read.</summary>
    public const string InvalidParameter = "invalid_parameter";

    /// <summary>What is wrong with which member of the request.</summary>
    public IReadOnlyDictionary<string, string[]>? Errors { get; init; }

    public static AdminProblem NotFound(string what, string wanted) => new($"{what}_not_found", StatusCodes.Status404NotFound, $"There is no {what} {wanted}.");

    public static AdminProblem Conflict(string code, string detail) => new(code, StatusCodes.Status409Conflict, detail);

    /// <param name="errors">By member.</param>
    public static AdminProblem Invalid(params (string Member, string Why)[] errors) =>
        new(InvalidRequest, StatusCodes.Status422UnprocessableEntity, string.Join(' ', errors.Select(error => $"{error.Member}: {error.Why}")))
        {
            Errors = errors.GroupBy(error => error.Member, error => error.Why).ToDictionary(member => member.Key, member => member.ToArray()),
        };
}

/// <summary>What an act of an operator led to: a value, or why there is none.</summary>
internal readonly record struct Outcome<T>(T? Value, AdminProblem? Problem)
{
    public static implicit operator Outcome<T>(T value) => new(value, null);

    public static implicit operator Outcome<T>(AdminProblem problem) => new(default, problem);
}
