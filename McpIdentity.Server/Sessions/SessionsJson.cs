using System.Text.Json.Serialization;
using McpIdentity.Migrations.Entities;

namespace McpIdentity.Server.Sessions;

/// <summary>Sign-in sessions as a file and Redis hold them, protected.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(SignInSession))]
[JsonSerializable(typeof(UpstreamTokens))]
[JsonSerializable(typeof(string[]))]
internal sealed partial class SessionsJson : JsonSerializerContext;
