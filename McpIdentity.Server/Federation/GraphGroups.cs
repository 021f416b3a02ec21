using System.Net.Http.Headers;
using System.Text.Json;

namespace McpIdentity.Server.Federation;

/// <summary>
/// The groups of a person at Microsoft Graph, for whom Entra leaves them out of its tokens ("groups overage"): by their ids, as they
/// would stand in the token, and those too that hold a group which the person is in.
/// </summary>
internal sealed partial class GraphGroups(HttpClient http, ILogger<GraphGroups> logger)
{
    /// <summary>The delegated permission: people's own memberships take no other.</summary>
    public const string Permission = "User.Read";

    /// <summary>For all pages: somebody waits at the callback.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // Microsoft answers a cast with advanced queries alone: with $count, and the header below.
    private const string Memberships = "/me/transitiveMemberOf/microsoft.graph.group?$select=id&$count=true&$top=999";
    private const int MaxPages = 10;

    /// <returns>One more than are kept, where there are more; null where Graph did not say all, which has been logged.</returns>
    public async Task<IReadOnlyList<string>?> FindAsync(UpstreamProvider provider, string? accessToken, CancellationToken cancellationToken)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        waiting.CancelAfter(Patience);
        try
        {
            return await ReadAsync(new Uri((provider.Options.GraphEndpoint ?? "https://graph.microsoft.com/v1.0").TrimEnd('/') + Memberships), accessToken, waiting.Token);
        }
        catch (Exception exception) when (
            exception is HttpRequestException or JsonException or InvalidOperationException or KeyNotFoundException or UriFormatException ||
            (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            GraphFailed(provider.DisplayName, exception is OperationCanceledException ? "it did not answer in time." : exception.Message);
            return null;
        }
    }

    private async Task<IReadOnlyList<string>> ReadAsync(Uri first, string? accessToken, CancellationToken cancellationToken)
    {
        var groups = new List<string>();
        var page = first;
        for (var count = 0; page is not null && groups.Count <= UpstreamIdentity.MaxGroups; count++)
        {
            if (count == MaxPages || Uri.Compare(page, first, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) != 0)
            {
                throw new JsonException(count == MaxPages ? $"it has more than {MaxPages} pages." : "its next page is at another address, which is not asked.");
            }

            using var request = new HttpRequestMessage(HttpMethod.Get, page);
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", accessToken);
            request.Headers.Add("ConsistencyLevel", "eventual");
            request.Headers.UserAgent.ParseAdd("McpIdentity");
            using var response = await http.SendAsync(request, cancellationToken);
            response.EnsureSuccessStatusCode();
            var answer = await response.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
            groups.AddRange(answer.GetProperty("value").EnumerateArray().Select(group => group.GetProperty("id").GetString() ?? ""));
            page = answer.TryGetProperty("@odata.nextLink", out var next) ? new Uri(first, next.GetString()) : null;
        }

        return groups;
    }

    [LoggerMessage(1505, LogLevel.Warning,
        "The groups of a person who signed in with {Provider} could not be read at Microsoft Graph: {Why} Check that the app registration has the delegated permission User.Read, and OAuth:Providers:…:GraphEndpoint.")]
    private partial void GraphFailed(string provider, string why);
}
