using McpIdentity.Server.Administration;

namespace McpIdentity.Server.Commands;

/// <summary>What a verb ends with: docs/cli.md, "Exit codes". Scripts and service managers decide by it.</summary>
internal static class ExitCode
{
    public const int Ok = 0;

    /// <summary>It could not be done, or a check failed.</summary>
    public const int Failed = 1;

    /// <summary>It was not understood, or not confirmed: nothing was done.</summary>
    public const int Usage = 2;

    /// <summary>What was named is not there.</summary>
    public const int NotFound = 3;

    /// <summary>What is there stands against it.</summary>
    public const int Conflict = 4;

    /// <summary>The database, Redis or the server is away: the same again may do later.</summary>
    public const int Unavailable = 5;

    /// <summary>As shells count: 128 and SIGINT.</summary>
    public const int Interrupted = 130;

    /// <summary>All of them, with what they mean.</summary>
    public static IReadOnlyList<(int Code, string Means)> All { get; } =
    [
        (Ok, "it was done"), (Failed, "it could not be done, or a check failed"), (Usage, "it was not understood or not confirmed, and nothing was done"), (NotFound, "what was named is not there"),
        (Conflict, "what is there stands against it"), (Unavailable, "the database, Redis or the server is away"), (Interrupted, "it was interrupted (Ctrl-C)"),
    ];

    /// <summary>The same answer as that of the admin API.</summary>
    public static int Of(AdminProblem problem) => problem.Status switch
    {
        StatusCodes.Status404NotFound => NotFound,
        StatusCodes.Status409Conflict or StatusCodes.Status412PreconditionFailed => Conflict,
        StatusCodes.Status503ServiceUnavailable or StatusCodes.Status429TooManyRequests => Unavailable,
        _ => problem.Code is AdminProblem.InvalidRequest or AdminProblem.InvalidParameter or "invalid_json" ? Usage : Failed,
    };
}

/// <summary>Ends a verb with a sentence on standard error.</summary>
/// <param name="exitCode">Of <see cref="ExitCode"/>.</param>
/// <param name="message">What is said.</param>
internal sealed class VerbFailure(int exitCode, string message) : Exception(message)
{
    public int ExitCode { get; } = exitCode;
}
