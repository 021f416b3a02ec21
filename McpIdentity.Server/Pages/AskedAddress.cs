using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.WebUtilities;

namespace McpIdentity.Server.Pages;

/// <summary>What the browser asked for; while the page about an error is drawn, the request's own path and query are that page's.</summary>
internal static class AskedAddress
{
    public static string PathOf(HttpContext context) => context.Features.Get<IStatusCodeReExecuteFeature>()?.OriginalPath ?? context.Request.Path.Value ?? "";

    public static IQueryCollection QueryOf(HttpContext context) =>
        context.Features.Get<IStatusCodeReExecuteFeature>() is { } asked ? new QueryCollection(QueryHelpers.ParseQuery(asked.OriginalQueryString)) : context.Request.Query;
}
