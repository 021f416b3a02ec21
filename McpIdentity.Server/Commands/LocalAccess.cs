using System.Globalization;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;
using Microsoft.Extensions.Primitives;

namespace McpIdentity.Server.Commands;

/// <summary>The operations on what the servers have stored, in this process: whoever may read the encryption key may do them all.</summary>
/// <param name="services">Of a scope.</param>
/// <param name="cancellationToken">Ends the reading.</param>
internal sealed class LocalAccess(IServiceProvider services, CancellationToken cancellationToken) : AdminAccess(cancellationToken)
{
    /// <summary>For what whoever has the machine may do, and no operation does.</summary>
    public IServiceProvider Services => services;

    protected override int PageSize => int.MaxValue;

    protected override async Task<Outcome<object>> RunAsync(
        AdminOperation operation, IReadOnlyDictionary<string, string> path, IReadOnlyDictionary<string, string> query, object? body, Func<Stream>? open)
    {
        var http = new DefaultHttpContext { RequestServices = services, RequestAborted = Cancelled };
        http.Request.RouteValues = new RouteValueDictionary(path.Select(part => KeyValuePair.Create(part.Key, (object?)part.Value)));
        http.Request.Query = new QueryCollection(query.Where(parameter => parameter.Key is not (AdminCall.LimitParameter or AdminCall.CursorParameter)).ToDictionary(parameter => parameter.Key, parameter => new StringValues(parameter.Value)));
        var call = new AdminCall(http, operation, Operator.OfThisMachine) { Body = body };
        if ((call.ReadQuery(services.GetRequiredService<AdminCursors>()) ?? (body is null ? null : AdminBody.Check(body))) is { } wrong)
        {
            return new AdminProblem(wrong.Code, wrong.StatusCode, wrong.Detail) { Errors = wrong.Errors };
        }

        if (operation.IsList)
        {
            call.ReadPage(int.Parse(query[AdminCall.LimitParameter], CultureInfo.InvariantCulture), query.GetValueOrDefault(AdminCall.CursorParameter)); // of any length, and nobody made the cursor up
        }

        var (answer, problem) = await call.RunAsync();
        if (problem is not null)
        {
            return problem;
        }

        if (answer!.Value is not AdminDownload download)
        {
            return new(answer.Value, null);
        }

        await using var to = open!();
        await download.WriteAsync(to, Cancelled);
        return default;
    }
}
