using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Support;

/// <summary>Plays Microsoft Graph for the tokens of a provider: the memberships of whoever signed in, page by page.</summary>
internal sealed class StandInGraph : IAsyncDisposable
{
    private const string Memberships = "/v1.0/me/transitiveMemberOf/microsoft.graph.group";

    private readonly WebApplication _app;

    private StandInGraph(WebApplication app, string origin) => (_app, Origin) = (app, origin);

    public string Origin { get; }

    public string Endpoint => Origin + "/v1.0";

    public string[] Groups { get; set; } = [];

    public int PageSize { get; set; } = 999;

    /// <summary>Where its next pages are said to be.</summary>
    public string? NextOrigin { get; set; }

    /// <summary>What it answers in the place of all else.</summary>
    public Func<IResult>? Answer { get; set; }

    /// <summary>How often it was asked.</summary>
    public int Asked { get; private set; }

    public static async Task<StandInGraph> StartAsync(StandInProvider provider)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var graph = new StandInGraph(app, $"http://localhost:{Ports.Next()}");
        app.Urls.Add(graph.Origin);
        app.MapGet(Memberships, (HttpRequest request) => graph.List(request, provider));
        await app.StartAsync();
        return graph;
    }

    public void Reset() => (Groups, PageSize, NextOrigin, Answer, Asked) = ([], 999, null, null, 0);

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private IResult List(HttpRequest request, StandInProvider provider)
    {
        Asked++;
        var scopes = request.Headers.Authorization.ToString() is ['B', 'e', 'a', 'r', 'e', 'r', ' ', .. var token] ? provider.ScopesOf(token) : null;
        if (scopes?.Contains("User.Read") != true)
        {
            return Results.StatusCode(scopes is null ? 401 : 403);
        }

        if (Answer is not null)
        {
            return Answer();
        }

        // A cast is an advanced query of directory objects.
        if (request.Headers["ConsistencyLevel"] != "eventual" || request.Query["$count"] != "true" || request.Query["$select"] != "id")
        {
            return Results.Json(new { error = new { code = "Request_UnsupportedQuery" } }, statusCode: 400);
        }

        var from = int.TryParse(request.Query["$skiptoken"], out var skipped) ? skipped : 0;
        var page = new Dictionary<string, object> { ["value"] = Groups.Skip(from).Take(PageSize).Select(id => new { id }).ToArray() };
        if (from + PageSize < Groups.Length)
        {
            page["@odata.nextLink"] = $"{NextOrigin ?? Origin}{Memberships}?$select=id&$count=true&$skiptoken={from + PageSize}";
        }

        return Results.Json(page);
    }
}
