using Microsoft.AspNetCore.Http;

namespace McpIdentity.Mcp;

/// <summary>
/// Names the host for one request, where that is not always <see cref="McpOptions.PublicBaseUrl"/>: behind a developer's
/// tunnel. A host with one address, as every deployed one, registers none.
/// </summary>
internal interface IMcpPublicAddress
{
    /// <returns>Without a trailing slash; never taken from a header that a client may write.</returns>
    string BaseUrlOf(HttpContext context);
}
