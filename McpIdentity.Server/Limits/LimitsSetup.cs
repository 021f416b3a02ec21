using McpIdentity.Mcp;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Limits;

/// <summary>How many requests the endpoints and pages answer, of whom, counted on this node or in Redis for all.</summary>
internal static class LimitsSetup
{
    /// <summary>Called after the MCP module, whose counter of one node it replaces.</summary>
    public static void AddRateLimits(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<IMcpRateCounter, RedisRateCounter>();
        builder.Services.AddSingleton<IValidateOptions<McpHostOptions>, EndpointLimitRules>();
        builder.Services.AddSingleton<EndpointLimits>();
    }

    /// <summary>Before anything of a request is read.</summary>
    public static void UseRateLimits(this WebApplication app)
    {
        var limits = app.Services.GetRequiredService<EndpointLimits>();
        app.Use((context, next) => limits.BeforeReadingAsync(context, () => next(context)));
    }

    /// <summary>Where its form has been read and found sound, and says who asks.</summary>
    public static void UseRateLimitsByForm(this WebApplication app)
    {
        var limits = app.Services.GetRequiredService<EndpointLimits>();
        app.Use((context, next) => limits.AfterReadingAsync(context, () => next(context)));
    }
}
