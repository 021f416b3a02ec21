using McpIdentity.Server.Discovery;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Administration.Api;

/// <summary>The admin API, below <see cref="Paths.AdminApi"/> (docs/administration.md).</summary>
internal static class AdminApiSetup
{
    /// <summary>The description of the API, as it is in docs/admin-api.json.</summary>
    public const string Description = "/openapi.json";

    public static void AddAdminApi(this WebApplicationBuilder builder)
    {
        builder.Services.AddScoped<AdminCallers>();
        builder.Services.AddScoped<IdempotentAnswers>();
        builder.Services.AddSingleton<AdminCursors>();
    }

    public static void MapAdminApi(this WebApplication app)
    {
        if (!app.Services.GetRequiredService<IOptions<AdminOptions>>().Value.Api)
        {
            app.Map(Paths.AdminApi + "/{**rest}", () => OAuthError.NotFound("This server has no admin API: Admin:Api is false.")).WithAddress(Address(AddressAttribute.AnyMethod));
            return;
        }

        var operations = AdminApi.Create().Operations;
        foreach (var path in operations.GroupBy(operation => operation.Path))
        {
            var endpoint = new AdminApiEndpoint([.. path], RepresentationOf(path.Key, operations));
            var methods = path.SelectMany(operation => HttpMethods.IsGet(operation.Method) ? (string[])[operation.Method, HttpMethods.Head] : [operation.Method]);
            app.Map(Paths.AdminApi + path.Key, (RequestDelegate)endpoint.AnswerAsync).WithAddress(Address(string.Join(' ', methods)));
        }

        app.Map(Paths.AdminApi + "/{**rest}", () => OAuthError.NotFound($"The admin API has no such address; {Paths.AdminApi}{Description} describes it.")).WithAddress(Address(AddressAttribute.AnyMethod));
        app.Map(Paths.AdminApi + Description, DescribeAsync).WithAddress(Address("GET HEAD"));
        app.Map(Paths.AdminApiMetadata, ServeMetadata).WithAddress(new AddressAttribute(Reader.Programs, "GET HEAD") { Cors = true, AllowsHttp = true, AnyHost = true });
    }

    // The thing itself, which actions and changes of it name in If-Match.
    private static AdminOperation? RepresentationOf(string path, IReadOnlyList<AdminOperation> operations) =>
        operations.Where(operation => operation is { Method: "GET", IsList: false, Answer: not null } && (operation.Path == path || operation.Path == path[..path.LastIndexOf('/')]))
            .MaxBy(operation => operation.Path.Length);

    private static AddressAttribute Address(string methods) => new(Reader.Programs, methods) { Bucket = AdminCallers.Bucket, JudgesTokens = true };

    private static async Task DescribeAsync(HttpContext http)
    {
        await using var description = typeof(AdminApiSetup).Assembly.GetManifestResourceStream("admin-api.json")!;
        http.Response.ContentType = "application/json";
        await description.CopyToAsync(http.Response.Body, http.RequestAborted);
    }

    // RFC 9728. With all its scopes: what somebody's role does not allow is left out when it is granted.
    private static IResult ServeMetadata(HttpContext http, ProtectedResources resources, PublicAddress address)
    {
        http.Response.Headers.CacheControl = "public, max-age=300";
        http.Response.Headers.AccessControlAllowOrigin = "*";
        var api = resources.Admin!;
        return TypedResults.Json(new OtherResourceMetadata(api.Identifier, api.Name, [address.Issuer], [.. api.Scopes.Select(scope => scope.Name)]), DiscoveryJson.Default.OtherResourceMetadata);
    }
}
