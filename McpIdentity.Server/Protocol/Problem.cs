using System.Diagnostics;

namespace McpIdentity.Server.Protocol;

/// <summary>A refusal of the admin API: problem details (RFC 9457).</summary>
/// <param name="Code">Stable, for programs; the last part of <c>type</c>.</param>
/// <param name="StatusCode">The status of the answer.</param>
/// <param name="Detail">What happened and what to do, for people; names no secret.</param>
internal sealed record Problem(string Code, int StatusCode, string Detail) : IResult
{
    public const string MediaType = "application/problem+json";

    private const string TypePrefix = "urn:mcpidentity:problem:";

    /// <summary>What is wrong with which member or parameter of the request.</summary>
    public IReadOnlyDictionary<string, string[]>? Errors { get; init; }

    /// <summary>Whether errors of this request are written so: the address is of the admin API, or would be.</summary>
    public static bool IsSpokenAt(HttpContext context) => context.Request.Path.StartsWithSegments(Paths.AdminApi);

    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.StatusCode = StatusCode;
        httpContext.Response.Headers.CacheControl = "no-store";
        var body = new Body(
            TypePrefix + Code,
            string.Concat(Code[..1].ToUpperInvariant(), Code.AsSpan(1)).Replace('_', ' '),
            StatusCode,
            Detail,
            httpContext.Request.PathBase + httpContext.Request.Path,
            Activity.Current?.TraceId.ToHexString() ?? httpContext.TraceIdentifier,
            Errors);
        return httpContext.Response.WriteAsJsonAsync(body, ProtocolJson.Default.ProblemBody, MediaType, httpContext.RequestAborted);
    }

    /// <summary>As it is written.</summary>
    /// <param name="Type">Which problem it is.</param>
    /// <param name="Title">The same in words.</param>
    /// <param name="Status">The HTTP status.</param>
    /// <param name="Detail">What happened and what to do.</param>
    /// <param name="Instance">The address that was asked.</param>
    /// <param name="Reference">The trace id, which the log and the audit carry too.</param>
    /// <param name="Errors">What is wrong with which member or parameter of the request.</param>
    internal sealed record Body(string Type, string Title, int Status, string Detail, string Instance, string Reference, IReadOnlyDictionary<string, string[]>? Errors);
}
