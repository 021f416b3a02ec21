using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Http.Resilience;
using Polly;

namespace McpIdentity.Server.Commands;

/// <summary>A server elsewhere: requests to it, and what it means when they fail.</summary>
internal sealed class RemoteServer : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);
    private static readonly TimeSpan ConnectsWithin = TimeSpan.FromSeconds(15);

    // Whoever is to come again later than this is told so instead.
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    private readonly HttpClient _http;
    private readonly CancellationToken _cancellationToken;

    /// <param name="address">Scheme, host and port.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public RemoteServer(Uri address, CancellationToken cancellationToken)
    {
        // One more attempt, where the connection broke or the server said when to come again.
        var again = new ResiliencePipelineBuilder<HttpResponseMessage>().AddRetry(new HttpRetryStrategyOptions
        {
            MaxRetryAttempts = 1,
            Delay = TimeSpan.FromMilliseconds(200),
            ShouldHandle = attempt => ValueTask.FromResult(attempt.Outcome switch
            {
                { Exception: HttpRequestException { HttpRequestError: not HttpRequestError.SecureConnectionError } } => attempt.Context.GetRequestMessage()?.Method != HttpMethod.Delete, // of the second nobody could say whether the first did it
                { Result: { StatusCode: HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable, Headers.RetryAfter.Delta: { } wait } } => wait <= LongestWait,
                _ => false,
            }),
        }).Build();
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = ConnectsWithin, AutomaticDecompression = DecompressionMethods.All };
        _http = new HttpClient(new ResilienceHandler(again) { InnerHandler = handler }) { Timeout = Patience };
        (Address, _cancellationToken) = (address.GetLeftPart(UriPartial.Authority), cancellationToken);
    }

    /// <summary>Ends the waiting.</summary>
    public CancellationToken Cancelled => _cancellationToken;

    /// <summary>Without a slash at its end.</summary>
    public string Address { get; }

    /// <param name="request">What is asked.</param>
    /// <param name="open">Where the body of an answer that is no refusal goes to; null: it is kept.</param>
    /// <exception cref="VerbFailure">It cannot be reached, leads elsewhere, or what stands before it answers.</exception>
    public async Task<RemoteAnswer> SendAsync(HttpRequestMessage request, Func<Stream>? open = null)
    {
        try
        {
            using var response = await _http.SendAsync(request, open is null ? HttpCompletionOption.ResponseContentRead : HttpCompletionOption.ResponseHeadersRead, _cancellationToken);
            if (open is not null && response.IsSuccessStatusCode)
            {
                await using var to = open();
                await response.Content.CopyToAsync(to, _cancellationToken);
                return new RemoteAnswer(response.StatusCode, response.Content.Headers.ContentType?.MediaType, []);
            }

            var answer = new RemoteAnswer(response.StatusCode, response.Content.Headers.ContentType?.MediaType, await response.Content.ReadAsByteArrayAsync(_cancellationToken));
            return response.Headers.Location is { } location && (int)answer.Status is >= 300 and < 400
                ? throw new VerbFailure(ExitCode.Failed, $"{Address} leads to {CommandLine.Printable(location.OriginalString)}: name the address of the server itself.")
                : answer.IsJson || (int)answer.Status < 500 ? answer
                : throw new VerbFailure(ExitCode.Unavailable, $"{Address} answers {(int)answer.Status}: the server is away, or what stands before it cannot reach it.");
        }
        catch (HttpRequestException exception) when (exception.HttpRequestError == HttpRequestError.SecureConnectionError)
        {
            throw new VerbFailure(ExitCode.Failed, $"There is no secure connection to {Address}: {exception.GetBaseException().Message} Where an authority of your own has issued its certificate, SSL_CERT_FILE names a file with that of the authority.");
        }
        catch (Exception exception) when (exception is HttpRequestException or HttpIOException)
        {
            throw new VerbFailure(ExitCode.Unavailable, $"{Address} cannot be reached: {CommandLine.Printable(exception.GetBaseException().Message)}{Doubt(request)}");
        }
        catch (OperationCanceledException) when (!_cancellationToken.IsCancellationRequested)
        {
            throw new VerbFailure(ExitCode.Unavailable, $"{Address} did not answer in time.{Doubt(request)}");
        }
    }

    public void Dispose() => _http.Dispose();

    private static string Doubt(HttpRequestMessage request) => request.Method == HttpMethod.Delete ? " It may have been done all the same." : "";
}

/// <summary>What a server answered.</summary>
internal sealed record RemoteAnswer(HttpStatusCode Status, string? MediaType, byte[] Body)
{
    public bool IsJson => MediaType is "application/json" or "application/problem+json";

    public bool IsSuccess => (int)Status is >= 200 and < 300;

    /// <summary>The object that it is; null where it is none.</summary>
    public JsonElement? Json()
    {
        try
        {
            return IsJson && JsonElement.Parse(Body) is { ValueKind: JsonValueKind.Object } json ? json : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>A member of it that is a text.</summary>
    public string? Text(string member) => Json() is { } json && json.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
