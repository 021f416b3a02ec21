using System.Text;
using System.Text.Json;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Gateway;

/// <summary>An entry of <c>Gateway:Servers</c> as JSON, as the database holds it.</summary>
internal static class ServerDocument
{
    /// <summary>What it is encrypted for.</summary>
    public const string Purpose = "gateway servers";

    private const string Root = "server";

    /// <summary>What it says; or why this release cannot tell. A member that it does not know may be the one that protects something.</summary>
    public static (FrontedServerOptions? Options, string? Problem) Parse(string json)
    {
        try
        {
            using var stream = new MemoryStream(Encoding.UTF8.GetBytes($"{{\"{Root}\":{json}}}"));
            using var configuration = (ConfigurationRoot)new ConfigurationBuilder().AddJsonStream(stream).Build();
            var section = configuration.GetSection(Root);
            return Unknown(section, typeof(FrontedServerOptions)).FirstOrDefault() is { } unknown
                ? (null, $"it has {unknown[(Root.Length + 1)..]}, which this release does not know.")
                : (FrontedServerOptions.ReadFrom(section), null);
        }
        catch (Exception exception) when (exception is JsonException or FormatException or InvalidDataException or InvalidOperationException)
        {
            return (null, exception.GetBaseException().Message.ReplaceLineEndings(" "));
        }
    }

    private static IEnumerable<string> Unknown(IConfigurationSection section, Type type)
    {
        foreach (var member in section.GetChildren())
        {
            if (SettingsSections.PropertiesOf([type], member.Key) is not [var property])
            {
                yield return member.Path;
            }
            else if (property.PropertyType.IsClass && property.PropertyType != typeof(string) && !SettingsSections.IsMany(property.PropertyType))
            {
                foreach (var inside in Unknown(member, property.PropertyType))
                {
                    yield return inside;
                }
            }
        }
    }
}
