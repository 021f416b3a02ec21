using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Roles;

/// <summary>Who may administer this server.</summary>
internal static class RolesSetup
{
    public static void AddRoles(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<AdminRoles>();
        builder.Services.AddSingleton<IValidateOptions<AdminOptions>, AdminOptionsRules>();
    }
}
