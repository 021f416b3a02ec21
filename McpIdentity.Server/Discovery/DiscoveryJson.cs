using System.Text.Json.Serialization;

namespace McpIdentity.Server.Discovery;

/// <summary>Metadata that OpenIddict does not write: snake_case, absent instead of null.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(OtherResourceMetadata))]
internal sealed partial class DiscoveryJson : JsonSerializerContext;
