using System.CommandLine;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Commands;

/// <summary>The operations at a server elsewhere, over its admin API: with the rights of the caller's token.</summary>
internal sealed class RemoteAccess(RemoteServer server, RemoteTokens tokens) : AdminAccess(server.Cancelled), IDisposable
{
    // What is waited for however long it takes: it reads every row.
    private const string ReadsAll = "verify_audit";

    // What a server of another release says more is no reason to fail. What is null is absent; all else is always said.
    private static readonly JsonSerializerOptions Json = new(AdminJson.Default.Options)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
        RespectRequiredConstructorParameters = false,
        TypeInfoResolver = AdminJson.Default.WithAddedModifier(RequireWhatIsAlwaysSaid),
        Converters = { new DocumentAsWritten() },
    };

    /// <summary>As a verb was told (<see cref="RemoteOptions"/>); null where it is for this machine.</summary>
    /// <param name="parsed">What it was told.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <param name="onlyHere">Its options that are for this machine.</param>
    /// <exception cref="VerbFailure">It was told what cannot be.</exception>
    public static async Task<RemoteAccess?> OpenAsync(ParseResult parsed, CancellationToken cancellationToken, params Option[] onlyHere)
    {
        if (RemoteOptions.OnlyHere(parsed, onlyHere) is not null || RemoteOptions.ServerOf(parsed) is not { } address)
        {
            return null;
        }

        var credentials = await RemoteOptions.CredentialsOfAsync(parsed, address, cancellationToken);
        var server = new RemoteServer(address, cancellationToken);
        return new RemoteAccess(server, new RemoteTokens(server, credentials));
    }

    public void Dispose() => server.Dispose();

    protected override int PageSize => AdminCall.MaxLimit;

    protected override async Task<Outcome<object>> RunAsync(
        AdminOperation operation, IReadOnlyDictionary<string, string> path, IReadOnlyDictionary<string, string> query, object? body, Func<Stream>? open)
    {
        using var request = new HttpRequestMessage(new HttpMethod(operation.Method), AddressOf(operation, path, query));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await tokens.ForAsync(AdminRights.ScopeOf(operation.Right)));
        if (HttpMethods.IsPost(operation.Method))
        {
            request.Headers.Add(RemoteServer.IdempotencyKey, Guid.NewGuid().ToString("N")); // sent again, it is done once
        }

        if (body is not null)
        {
            request.Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body, Json.GetTypeInfo(body.GetType()))) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        }

        // What else is 2xx is a page of somebody who stands before the server.
        var answer = await server.SendAsync(request, open is null ? null : head => IsDone(head, operation) ? open() : null, operation.Id == ReadsAll ? Timeout.InfiniteTimeSpan : RemoteServer.Patience);
        return IsDone(answer, operation) ? new Outcome<object>(operation.Answer is null ? null : Read(answer, operation.Answer), null) : ProblemOf(answer, request);
    }

    private static bool IsDone(RemoteAnswer answer, AdminOperation operation) =>
        (int)answer.Status == operation.Status && (operation.MediaTypes.Count == 0 || operation.MediaTypes.Contains(answer.MediaType));

    private static void RequireWhatIsAlwaysSaid(JsonTypeInfo type)
    {
        foreach (var property in type.Properties.Where(property => property.AssociatedParameter is { IsNullable: false } said && Nullable.GetUnderlyingType(said.ParameterType) is null && (said.IsMemberInitializer || !said.HasDefaultValue)))
        {
            property.IsRequired = true;
        }
    }

    // Of a part that is an address the slashes are encoded too.
    private string AddressOf(AdminOperation operation, IReadOnlyDictionary<string, string> path, IReadOnlyDictionary<string, string> query) =>
        server.Address + Paths.AdminApi + path.Aggregate(operation.Path, (all, part) => all.Replace($"{{{part.Key}}}", Uri.EscapeDataString(part.Value), StringComparison.Ordinal)) +
        QueryString.Create(query.Select(parameter => KeyValuePair.Create(parameter.Key, (string?)parameter.Value)));

    private object Read(RemoteAnswer answer, Type type)
    {
        try
        {
            if (answer.IsJson && JsonSerializer.Deserialize(answer.Body, Json.GetTypeInfo(type)) is { } read)
            {
                return read;
            }
        }
        catch (JsonException)
        {
        }

        throw new VerbFailure(ExitCode.Failed, $"{server.Address} answers what this program does not understand: another release may serve there. 'version' says which one this is.");
    }

    // RFC 9457 §3.1.
    private AdminProblem ProblemOf(RemoteAnswer answer, HttpRequestMessage request)
    {
        if (answer.MediaType != Problem.MediaType || answer.Text("type")?.Split(':')[^1] is not { Length: > 0 } code || answer.Text("detail") is not { } detail)
        {
            throw new VerbFailure(answer.IsAway ? ExitCode.Unavailable : ExitCode.Failed, $"{server.Address} answers {(int)answer.Status}, and not as an McpIdentity does.{(answer.IsAway ? RemoteServer.Doubt(request) : "")}");
        }

        return code switch
        {
            AdminProblem.InvalidParameter when detail.Contains(AdminCall.UnknownParameter, StringComparison.Ordinal) => throw new VerbFailure(ExitCode.Failed, $"{server.Address} does not know all of what is asked of it: {CommandLine.Printable(detail)}"),
            "not_found" => throw new VerbFailure(ExitCode.Failed, $"{server.Address} does not know this operation: {CommandLine.Printable(detail)}"),
            "invalid_token" => new AdminProblem(code, (int)answer.Status, $"{server.Address} refuses the token. {detail}"),
            _ => new AdminProblem(code, (int)answer.Status, detail),
        };
    }

    // A policy is kept as it was handed in, line by line; what JSON does not have, as comments, is left out.
    private sealed class DocumentAsWritten : JsonConverter<JsonElement>
    {
        public override JsonElement Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => JsonElement.ParseValue(ref reader);

        public override void Write(Utf8JsonWriter writer, JsonElement value, JsonSerializerOptions options)
        {
            try
            {
                writer.WriteRawValue(value.GetRawText());
            }
            catch (JsonException)
            {
                value.WriteTo(writer);
            }
        }
    }
}
