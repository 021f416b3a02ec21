using System.Text.Json.Serialization;

namespace McpIdentity.Server.Authorization;

/// <summary>What our pages hand to each other through the browser, protected.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(PendingAuthorization))]
[JsonSerializable(typeof(string[]))]
internal sealed partial class AuthorizationJson : JsonSerializerContext;
