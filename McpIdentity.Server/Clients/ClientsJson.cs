using System.Text.Json.Serialization;
using McpIdentity.Server.Clients.Documents;
using McpIdentity.Server.Clients.Statements;

namespace McpIdentity.Server.Clients;

/// <summary>Registrations on the wire and as they are stored: snake_case, absent instead of null, a duplicate member is an error.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowDuplicateProperties = false,
    Converters = [typeof(EmptyIsAbsent), typeof(EmptyListIsAbsent), typeof(EmptyRedirectUrisAreAbsent)])]
[JsonSerializable(typeof(ClientMetadata))]
[JsonSerializable(typeof(ClientUpdate))]
[JsonSerializable(typeof(ClientInformation))]
[JsonSerializable(typeof(ClientDocument))]
[JsonSerializable(typeof(DocumentTimes))]
[JsonSerializable(typeof(SignedClientIds.Registration))]
[JsonSerializable(typeof(SoftwareStatement))]
[JsonSerializable(typeof(List<ClientPreset>))]
[JsonSerializable(typeof(OperatorClients.Origin))]
[JsonSerializable(typeof(PreviousSecret))]
internal sealed partial class ClientsJson : JsonSerializerContext;
