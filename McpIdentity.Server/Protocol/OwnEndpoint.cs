using McpIdentity.Mcp;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Protocol;

/// <summary>The identifier of our own MCP endpoint, for rules that are asked before all of the settings are known to be right.</summary>
internal sealed class OwnEndpoint(PublicAddress address, IOptions<McpOptions> mcp)
{
    /// <summary>Null where it is not served, or other settings are wrong: the rules of their sections say so.</summary>
    public string? Identifier
    {
        get
        {
            try
            {
                return mcp.Value.Enabled ? address.UrlOf(mcp.Value.Path) : null;
            }
            catch (OptionsValidationException)
            {
                return null;
            }
        }
    }
}
