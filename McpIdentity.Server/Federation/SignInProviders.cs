using McpIdentity.Server.Authorization;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Federation;

/// <summary>Who may vouch for people here, as configured.</summary>
internal sealed class SignInProviders(IOptions<OAuthServerOptions> options, IHostEnvironment environment)
{
    public bool Google { get; } = options.Value.HasGoogle();

    /// <summary>The demo provider refuses to exist outside Development, and beside a real provider.</summary>
    public bool Demo => environment.IsDevelopment() && !Google;
}
