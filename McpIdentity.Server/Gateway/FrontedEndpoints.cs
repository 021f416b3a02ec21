using McpIdentity.Mcp.Metadata;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.Primitives;

namespace McpIdentity.Server.Gateway;

/// <summary>The addresses of the servers that this one stands before, which come and go while it runs.</summary>
internal sealed class FrontedEndpoints(FrontedServers servers) : EndpointDataSource
{
    private static readonly AddressAttribute Mcp = new(Reader.Programs, "GET POST DELETE") { Cors = true, ComparesOrigins = true, AnyHost = true, JudgesTokens = true };
    private static readonly AddressAttribute Metadata = new(Reader.Programs, "GET HEAD") { Cors = true, AllowsHttp = true, AnyHost = true };

    public override IReadOnlyList<Endpoint> Endpoints =>
    [
        .. servers.All.SelectMany(fronted => new[]
        {
            Create(fronted.Server.Path, fronted.InvokeAsync, Mcp),
            // RFC 9728 §3.1 inserts the well-known part before the path; some clients append it.
            Create(ResourceMetadata.WellKnown + fronted.Server.Path, fronted.DescribeAsync, Metadata),
            Create(fronted.Server.Path + ResourceMetadata.WellKnown, fronted.DescribeAsync, Metadata),
        }),
    ];

    public override IChangeToken GetChangeToken() => servers.Changed;

    private static Endpoint Create(string path, RequestDelegate run, AddressAttribute address)
    {
        var endpoint = new RouteEndpointBuilder(run, RoutePatternFactory.Parse(path), order: 0) { DisplayName = path };
        endpoint.Metadata.Add(address);
        return endpoint.Build();
    }
}
