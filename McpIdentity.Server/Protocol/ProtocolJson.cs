using System.Text.Json.Serialization;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Authorization;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Tokens;

namespace McpIdentity.Server.Protocol;

/// <summary>How our own JSON looks on the wire: snake_case, absent instead of null, a duplicate member is an error.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(OAuthError.Body))]
[JsonSerializable(typeof(ClientMetadata))]
[JsonSerializable(typeof(ClientInformation))]
[JsonSerializable(typeof(PendingAuthorization))]
[JsonSerializable(typeof(List<GrantClaims.Stored>))]
[JsonSerializable(typeof(SignInSession))]
[JsonSerializable(typeof(UpstreamTokens))]
internal sealed partial class ProtocolJson : JsonSerializerContext;
