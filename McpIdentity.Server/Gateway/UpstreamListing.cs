using System.Collections.Frozen;
using System.Security.Claims;
using System.Text.Json;
using System.Text.Json.Nodes;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Migrations;
using McpIdentity.Server.Catalogue;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace McpIdentity.Server.Gateway;

/// <summary>All tools of a server behind this one, and who it says that it is.</summary>
/// <param name="Tools">As it wrote them.</param>
/// <param name="Name">Of the program.</param>
/// <param name="Version">Of the program.</param>
/// <param name="Revision">Of MCP.</param>
internal sealed record UpstreamTools(IReadOnlyList<JsonElement> Tools, string? Name, string? Version, string? Revision);

/// <summary>Asks a server behind this one for its tools, as any client would, by what it knows us by.</summary>
internal sealed class UpstreamListing(UpstreamCredentials credentials, TimeProvider time)
{
    private const int MaxPages = 100;
    private const int MaxBytesOfAll = 32 * 1024 * 1024;

    /// <param name="server">Which one.</param>
    /// <param name="subject">For whom, by the <c>sub</c> of their tokens; null: for ourselves.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="UpstreamAnswerException">There is no such list; the message says why, after the server's name.</exception>
    public async Task<UpstreamTools> ReadAsync(FrontedServer server, string? subject, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(server.Options.Timeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return await AskAsync(server, subject is null ? null : CallerOf(subject), both.Token);
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            throw new UpstreamAnswerException($"it did not answer within {server.Options.Timeout} (Timeout)");
        }
        catch (Exception exception) when (exception is not UpstreamAnswerException && !cancellationToken.IsCancellationRequested)
        {
            // Whatever it does: it is the server that is at fault, or the way to it.
            var why = exception as UpstreamAnswerException ?? exception.GetBaseException();
            throw new UpstreamAnswerException(StorableText.ForDisplay(why.Message, McpIdentityDbContext.Lengths.Text) ?? why.GetType().Name);
        }
    }

    private static VerifiedCaller CallerOf(string subject) => new()
    {
        Identity = new ClaimsIdentity(VerifiedCaller.OAuthMethod),
        Subject = subject,
        Scopes = FrozenSet<string>.Empty,
    };

    private async Task<UpstreamTools> AskAsync(FrontedServer server, VerifiedCaller? caller, CancellationToken cancellationToken)
    {
        using var http = new HttpClient(new Bounded(server, await credentials.ForAsync(server, caller, cancellationToken)) { InnerHandler = UpstreamConnection.CreateHandler() })
        {
            Timeout = server.Options.Timeout,
        };
        var transport = new HttpClientTransport(
            new HttpClientTransportOptions
            {
                Endpoint = server.Url,
                TransportMode = HttpTransportMode.StreamableHttp,
                ConnectionTimeout = server.Options.Timeout,
                EnableStandaloneGetStream = false,
                MaxReconnectionAttempts = 0,
            },
            http);
        await using var client = await McpClient.CreateAsync(
            transport,
            new McpClientOptions { ClientInfo = new Implementation { Name = "McpIdentity", Version = "1" }, InitializationTimeout = server.Options.Timeout },
            cancellationToken: cancellationToken);
        return new UpstreamTools(await PagesAsync(client, cancellationToken), client.ServerInfo?.Name, client.ServerInfo?.Version, client.NegotiatedProtocolVersion);
    }

    // Not as the SDK's own types, which would leave out what they do not know: what people read through us must have the same hash.
    private static async Task<IReadOnlyList<JsonElement>> PagesAsync(McpClient client, CancellationToken cancellationToken)
    {
        if (client.ServerCapabilities.Tools is null)
        {
            return [];
        }

        var tools = new List<JsonElement>();
        string? cursor = null;
        for (var page = 0; page < MaxPages; page++)
        {
            var request = new JsonRpcRequest { Method = RequestMethods.ToolsList, Params = cursor is null ? new JsonObject() : new JsonObject { ["cursor"] = cursor } };
            var result = JsonSerializer.SerializeToElement((await client.SendRequestAsync(request, cancellationToken)).Result);
            if (result.ValueKind != JsonValueKind.Object || !result.TryGetProperty("tools", out var list) || list.ValueKind != JsonValueKind.Array)
            {
                throw new UpstreamAnswerException("it answered tools/list with no list of tools");
            }

            if (tools.Count >= ToolCatalogue.MaxTools)
            {
                return tools; // what is beyond is held in any case, and a list without an end fills no memory
            }

            tools.AddRange(list.EnumerateArray().Where(tool => tool.ValueKind == JsonValueKind.Object && ListFilter.NameOf(Policy.PolicyTargetKind.Tool, tool) is not null));
            cursor = result.TryGetProperty("nextCursor", out var next) && next.ValueKind == JsonValueKind.String ? next.GetString() : null;
            if (cursor is null)
            {
                return tools;
            }
        }

        throw new UpstreamAnswerException($"its list of tools has more than {MaxPages} pages");
    }

    /// <summary>Shows what the server knows us by, and reads no more than it may answer.</summary>
    private sealed class Bounded(FrontedServer server, (string Name, string Value)? credential) : DelegatingHandler
    {
        private long _read;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (credential is { } known)
            {
                request.Headers.TryAddWithoutValidation(known.Name, known.Value);
            }

            var answer = await base.SendAsync(request, cancellationToken);
            var left = Math.Min(server.Options.MaxAnswerBytes, MaxBytesOfAll - Interlocked.Read(ref _read));
            var bounded = new StreamContent(new BoundedStream(await answer.Content.ReadAsStreamAsync(cancellationToken), left, read => Interlocked.Add(ref _read, read)));
            foreach (var (name, values) in answer.Content.Headers)
            {
                bounded.Headers.TryAddWithoutValidation(name, values);
            }

            answer.Content = bounded;
            return answer;
        }
    }
}
