using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace McpIdentity.Server.Administration.Api;

/// <summary>The admin API on the wire: snake_case, absent instead of null, moments in UTC; what is unknown, missing or there twice is an error.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DictionaryKeyPolicy = JsonKnownNamingPolicy.Unspecified,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false,
    Converters = [typeof(UtcMoments)])]
[JsonSerializable(typeof(Caller))]
[JsonSerializable(typeof(AdminPage<ClientView>))]
[JsonSerializable(typeof(ClientView))]
[JsonSerializable(typeof(ClientUse))]
[JsonSerializable(typeof(ClientWithSecret))]
[JsonSerializable(typeof(ClientChange))]
[JsonSerializable(typeof(ClientDisabling))]
[JsonSerializable(typeof(ClientPruning))]
[JsonSerializable(typeof(ClientSnippet))]
[JsonSerializable(typeof(NewClient))]
[JsonSerializable(typeof(PrunedClients))]
[JsonSerializable(typeof(SecretRotation))]
[JsonSerializable(typeof(AdminPage<UserView>))]
[JsonSerializable(typeof(UserDetails))]
[JsonSerializable(typeof(RoleChange))]
[JsonSerializable(typeof(RoleHolder))]
[JsonSerializable(typeof(AdminPage<RoleHolder>))]
[JsonSerializable(typeof(EndSessions))]
[JsonSerializable(typeof(RevokeGrants))]
[JsonSerializable(typeof(Ended))]
[JsonSerializable(typeof(ShownToken))]
[JsonSerializable(typeof(MintToken))]
[JsonSerializable(typeof(TokenShown))]
[JsonSerializable(typeof(SessionView))]
[JsonSerializable(typeof(GrantView))]
[JsonSerializable(typeof(TokenView))]
[JsonSerializable(typeof(ConnectionView))]
[JsonSerializable(typeof(RotateKeys))]
[JsonSerializable(typeof(KeyList))]
[JsonSerializable(typeof(KeySetView))]
[JsonSerializable(typeof(NewServer))]
[JsonSerializable(typeof(ServerOrder))]
[JsonSerializable(typeof(AskServer))]
[JsonSerializable(typeof(ServerDetails))]
[JsonSerializable(typeof(ServerTest))]
[JsonSerializable(typeof(ForgottenClient))]
[JsonSerializable(typeof(AllowTools))]
[JsonSerializable(typeof(BlockTools))]
[JsonSerializable(typeof(ToolDecision))]
[JsonSerializable(typeof(ApplyPolicy))]
[JsonSerializable(typeof(CheckPolicy))]
[JsonSerializable(typeof(DiffPolicy))]
[JsonSerializable(typeof(AskPolicy))]
[JsonSerializable(typeof(AppliedPolicy))]
[JsonSerializable(typeof(PolicyDifferences))]
[JsonSerializable(typeof(PolicyView))]
[JsonSerializable(typeof(PolicyVersionView))]
[JsonSerializable(typeof(PolicyCheckView))]
[JsonSerializable(typeof(PolicyTestView))]
[JsonSerializable(typeof(NewInitialAccessToken))]
[JsonSerializable(typeof(InitialAccessTokenShown))]
[JsonSerializable(typeof(InitialAccessTokenView))]
[JsonSerializable(typeof(RegistrationPolicyView))]
[JsonSerializable(typeof(RegistrationTrial))]
[JsonSerializable(typeof(TryRegistration))]
[JsonSerializable(typeof(TrySignIn))]
[JsonSerializable(typeof(SignInRules))]
[JsonSerializable(typeof(SignInVerdicts))]
[JsonSerializable(typeof(OverviewView))]
[JsonSerializable(typeof(HealthView))]
[JsonSerializable(typeof(AdminPage<SessionView>))]
[JsonSerializable(typeof(AdminPage<GrantView>))]
[JsonSerializable(typeof(AdminPage<ConnectionView>))]
[JsonSerializable(typeof(AdminPage<ServerView>))]
[JsonSerializable(typeof(AdminPage<ToolView>))]
[JsonSerializable(typeof(AdminPage<ToolChangeView>))]
[JsonSerializable(typeof(AdminPage<PolicyVersionView>))]
[JsonSerializable(typeof(AdminPage<InitialAccessTokenView>))]
[JsonSerializable(typeof(AdminPage<SettingView>))]
[JsonSerializable(typeof(AdminPage<AuditRow>))]
[JsonSerializable(typeof(AuditProof))]
[JsonSerializable(typeof(TraceView))]
[JsonSerializable(typeof(DoctorView))]
internal sealed partial class AdminJson : JsonSerializerContext;

/// <summary>A moment as RFC 3339 has it, in UTC.</summary>
internal sealed class UtcMoments : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDateTimeOffset();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFF'Z'", CultureInfo.InvariantCulture));
}
