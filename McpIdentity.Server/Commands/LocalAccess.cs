using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;

namespace McpIdentity.Server.Commands;

/// <summary>The operations on what the servers have stored, in this process: whoever may read the encryption key may do them all.</summary>
/// <param name="services">Of a scope.</param>
/// <param name="cancellationToken">Ends the reading.</param>
internal sealed class LocalAccess(IServiceProvider services, CancellationToken cancellationToken) : AdminAccess
{
    protected override async Task<Outcome<object>> RunAsync(AdminOperation operation, IReadOnlyDictionary<string, string> path, IReadOnlyDictionary<string, string> query, object? body)
    {
        var http = new DefaultHttpContext { RequestServices = services, RequestAborted = cancellationToken };
        http.Request.RouteValues = new RouteValueDictionary(path.Select(part => KeyValuePair.Create(part.Key, (object?)part.Value)));
        http.Request.Query = new QueryCollection(query.ToDictionary(parameter => parameter.Key, parameter => new Microsoft.Extensions.Primitives.StringValues(parameter.Value)));
        var call = new AdminCall(http, operation, Operator.OfThisMachine) { Body = body };
        if ((call.ReadQuery(services.GetRequiredService<AdminCursors>()) ?? (body is null ? null : AdminBody.Check(body))) is { } wrong)
        {
            return new AdminProblem(wrong.Code, wrong.StatusCode, wrong.Detail) { Errors = wrong.Errors };
        }

        call.ReadAll();
        var (answer, problem) = await call.RunAsync();
        return problem is null ? new(answer!.Value, null) : problem;
    }
}
