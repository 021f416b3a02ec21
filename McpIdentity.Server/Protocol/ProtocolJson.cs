using System.Text.Json.Serialization;

namespace McpIdentity.Server.Protocol;

/// <summary>How errors look on the wire: snake_case, absent instead of null.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(OAuthError.Body))]
[JsonSerializable(typeof(Problem.Body), TypeInfoPropertyName = "ProblemBody")]
internal sealed partial class ProtocolJson : JsonSerializerContext;
