using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using McpIdentity.Server.Protocol;
using Microsoft.Extensions.Http.Resilience;
using Polly;
using Polly.Retry;

namespace McpIdentity.Server.Commands;

/// <summary>A server elsewhere: requests to it, and what it means when they fail.</summary>
internal sealed class RemoteServer : IDisposable
{
    /// <summary>How long an answer, or more of one, is waited for.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    /// <summary>What makes that a request which is sent again is done once.</summary>
    public const string IdempotencyKey = "Idempotency-Key";

    private const int BufferSize = 81_920;

    private static readonly TimeSpan ConnectsWithin = TimeSpan.FromSeconds(15);

    // Whoever is to come again later than this is told so instead.
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    // Of a request: its answer is not kept in memory; and an attempt of it was lost on the way.
    private static readonly HttpRequestOptionsKey<bool> IsStreamed = new("streamed");
    private static readonly HttpRequestOptionsKey<bool> WasLost = new("lost");

    private readonly HttpClient _http;
    private readonly CancellationToken _cancellationToken;

    /// <param name="address">Scheme, host and port.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public RemoteServer(Uri address, CancellationToken cancellationToken)
    {
        var again = new ResiliencePipelineBuilder<HttpResponseMessage>().AddRetry(new HttpRetryStrategyOptions
        {
            MaxRetryAttempts = int.MaxValue, // as long as there is patience, and but one for most
            BackoffType = DelayBackoffType.Constant,
            Delay = TimeSpan.FromMilliseconds(200),
            ShouldHandle = attempt => ValueTask.FromResult(IsToBeSentAgain(attempt)),
        }).Build();

        // http is for this machine alone, and .NET would send it through HTTP_PROXY all the same; https is a tunnel there.
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = address.Scheme == Uri.UriSchemeHttps,
            ConnectTimeout = ConnectsWithin,
            AutomaticDecompression = DecompressionMethods.All,
        };
        _http = new HttpClient(new ResilienceHandler(again) { InnerHandler = new WholeAnswers(handler) }) { Timeout = Timeout.InfiniteTimeSpan };
        (Address, _cancellationToken) = (address.GetLeftPart(UriPartial.Authority), cancellationToken);
    }

    /// <summary>Ends the waiting.</summary>
    public CancellationToken Cancelled => _cancellationToken;

    /// <summary>Without a slash at its end.</summary>
    public string Address { get; }

    /// <summary>With a body that is kept.</summary>
    /// <param name="request">What is asked.</param>
    /// <exception cref="VerbFailure">As of the other.</exception>
    public Task<RemoteAnswer> SendAsync(HttpRequestMessage request) => SendAsync(request, open: null, Patience);

    /// <param name="request">What is asked.</param>
    /// <param name="open">Where the body of an answer goes to, of which the rest is known; where that is null it is kept. Null: it is kept whatever it is.</param>
    /// <param name="patience">How long an answer is waited for.</param>
    /// <exception cref="VerbFailure">It cannot be reached, leads elsewhere, or what stands before it answers.</exception>
    public async Task<RemoteAnswer> SendAsync(HttpRequestMessage request, Func<RemoteAnswer, Stream?>? open, TimeSpan patience)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(_cancellationToken);
        waiting.CancelAfter(patience);
        request.Options.Set(IsStreamed, open is not null);
        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, waiting.Token);
            var head = new RemoteAnswer(response.StatusCode, response.Content.Headers.ContentType?.MediaType, []);
            await using (var to = open?.Invoke(head))
            {
                if (to is not null)
                {
                    await CopyAsync(response.Content, to, waiting);
                    return head;
                }
            }

            var answer = head with { Body = await response.Content.ReadAsByteArrayAsync(waiting.Token) };
            return response.Headers.Location is { } location && (int)answer.Status is >= 300 and < 400
                ? throw new VerbFailure(ExitCode.Failed, $"{Address} leads to {CommandLine.Printable(location.OriginalString)}: name the address of the server itself.")
                : answer.IsJson || !(answer.IsAway || (int)answer.Status >= 500) ? answer
                : throw new VerbFailure(ExitCode.Unavailable, $"{Address} answers {(int)answer.Status}: the server is busy or away, or what stands before it cannot reach it.{Doubt(request)}");
        }
        catch (HttpRequestException exception) when (exception.HttpRequestError == HttpRequestError.SecureConnectionError)
        {
            throw new VerbFailure(ExitCode.Failed, $"There is no secure connection to {Address}: {exception.GetBaseException().Message} Where an authority of your own has issued its certificate, SSL_CERT_FILE names a file with that of the authority.");
        }
        catch (Exception exception) when (exception is HttpRequestException or HttpIOException)
        {
            var isCertain = exception is HttpRequestException { } broken && NeverArrived(broken) && !request.Options.TryGetValue(WasLost, out _);
            throw new VerbFailure(ExitCode.Unavailable, $"{Address} cannot be reached: {CommandLine.Printable(exception.GetBaseException().Message)}{(isCertain ? "" : Doubt(request))}");
        }
        catch (OperationCanceledException) when (!_cancellationToken.IsCancellationRequested)
        {
            throw new VerbFailure(ExitCode.Unavailable, $"{Address} did not answer in time.{Doubt(request)}");
        }
        catch (OperationCanceledException) when (Doubt(request) is { Length: > 0 } doubt)
        {
            throw new VerbFailure(ExitCode.Interrupted, $"Interrupted before the server answered.{doubt}");
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>What is to be said of a request of whose end nothing is known: the server does what it has begun, whether anybody waits for it or not.</summary>
    public static string Doubt(HttpRequestMessage request) =>
        request.Method == HttpMethod.Get || (request.Method == HttpMethod.Post && !request.Headers.Contains(IdempotencyKey)) ? "" : " It may have been done all the same."; // a token that nobody got is none

    private static bool IsToBeSentAgain(RetryPredicateArguments<HttpResponseMessage> attempt)
    {
        var request = attempt.Context.GetRequestMessage()!;
        if (attempt.Outcome.Exception is HttpRequestException broken && !NeverArrived(broken))
        {
            request.Options.Set(WasLost, true);
        }

        return attempt.Outcome switch
        {
            // Of the second nobody could say whether the first did it.
            { Exception: HttpRequestException { HttpRequestError: not HttpRequestError.SecureConnectionError } exception } => attempt.AttemptNumber == 0 && (request.Method != HttpMethod.Delete || NeverArrived(exception)),
            // The first with this key is at work, and what it leads to is the answer to this one too.
            { Result: { StatusCode: HttpStatusCode.Conflict, Headers.RetryAfter: not null } } => request.Headers.Contains(IdempotencyKey),
            { Result: { StatusCode: HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable, Headers.RetryAfter: { } after } } => attempt.AttemptNumber == 0 && WaitOf(after) <= LongestWait,
            _ => false,
        };
    }

    // RFC 9110 §10.2.3.
    private static TimeSpan WaitOf(RetryConditionHeaderValue after) => after.Delta ?? after.Date!.Value - TimeProvider.System.GetUtcNow();

    private static bool NeverArrived(HttpRequestException exception) =>
        exception.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.ProxyTunnelError or HttpRequestError.SecureConnectionError;

    // What cannot be written is no fault of the server's, and is thrown as it is. A server that sends no more is not waited for.
    private async Task CopyAsync(HttpContent content, Stream to, CancellationTokenSource waiting)
    {
        await using var from = await content.ReadAsStreamAsync(waiting.Token);
        var buffer = new byte[BufferSize];
        while (await ReadAsync() is var read and > 0)
        {
            await to.WriteAsync(buffer.AsMemory(0, read), _cancellationToken);
        }

        async Task<int> ReadAsync()
        {
            waiting.CancelAfter(Patience);
            try
            {
                return await from.ReadAsync(buffer, waiting.Token);
            }
            catch (IOException exception)
            {
                throw new HttpRequestException(HttpRequestError.ResponseEnded, exception.Message, exception);
            }
        }
    }

    // To read an answer to its end is a part of the attempt: one that is cut off is asked for again.
    private sealed class WholeAnswers(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = await base.SendAsync(request, cancellationToken);
            if (!(request.Options.TryGetValue(IsStreamed, out var isStreamed) && isStreamed))
            {
                try
                {
                    await response.Content.LoadIntoBufferAsync(cancellationToken);
                }
                catch
                {
                    response.Dispose();
                    throw;
                }
            }

            return response;
        }
    }
}

/// <summary>What a server answered.</summary>
internal sealed record RemoteAnswer(HttpStatusCode Status, string? MediaType, byte[] Body)
{
    public bool IsJson => MediaType is "application/json" or Problem.MediaType;

    public bool IsSuccess => (int)Status is >= 200 and < 300;

    /// <summary>Whether the same again may do later, whoever says it: the server, or what stands before it.</summary>
    public bool IsAway => Status is HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;

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
