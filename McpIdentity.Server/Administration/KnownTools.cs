using McpIdentity.Server.Catalogue;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Administration;

/// <summary>The tools of the catalogue as rules judge them: with the annotations that a server has said, and that are trusted.</summary>
internal static class KnownTools
{
    /// <returns>By the names of servers, which know no case.</returns>
    public static async Task<ILookup<string, PolicyTarget>> ReadAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        await services.LoadToolCatalogueAsync(cancellationToken);
        var catalogue = services.GetRequiredService<ToolCatalogue>();
        return services.GetRequiredService<ProtectedResources>().All.Select(resource => resource.Fronted).OfType<FrontedResource>()
            .SelectMany(server => catalogue.AllOf(server.Server).Select(tool => (server.Server, Tool: tool.JudgedBy(server.Review))))
            .ToLookup(
                one => one.Server,
                one => new PolicyTarget(PolicyTargetKind.Tool, one.Tool.Name) { ReadOnly = one.Tool.ReadOnly, Destructive = one.Tool.Destructive },
                StringComparer.OrdinalIgnoreCase);
    }
}
