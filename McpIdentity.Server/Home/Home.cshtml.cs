using McpIdentity.Mcp;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Home;

/// <summary>
/// <c>/</c>: what this server is, and how clients are connected to it; for programs one line. It says the same to everybody, and
/// nothing of versions or health.
/// </summary>
[Address(Reader.Anyone, "GET HEAD", AllowsHttp = true, WithoutOAuth = true)]
internal sealed class HomeModel(
    PublicAddress address, IOptions<McpOptions> mcp, IOptions<OAuthServerOptions> oauth, IOptions<BrandingOptions> branding, SignInProviders providers) : PageModel
{
    public string Organisation => branding.Value.Name;

    public string Issuer => address.Issuer;

    /// <summary>The address of our MCP endpoint; null where it is switched off.</summary>
    public string? Endpoint => mcp.Value.Enabled ? address.UrlOf(mcp.Value.Path) : null;

    /// <summary>People sign in here, and can see what they have connected.</summary>
    public bool IsForPeople => oauth.Value.Enabled;

    public bool HasDemo => IsForPeople && providers.Demo;

    public IActionResult OnGet()
    {
        Response.Headers.Vary = "Accept";
        return HttpContext.IsForPeople()
            ? Page()
            : Content($"McpIdentity, the authorization server of {Issuer}.{(Endpoint is { } endpoint ? $" MCP endpoint: {endpoint}" : "")}\n", "text/plain; charset=utf-8");
    }
}
