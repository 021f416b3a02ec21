using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;

namespace McpIdentity.Server.Outbound;

/// <summary>
/// Reads a URL that a stranger chose, without being led into our own network: the name is resolved once, every address that
/// it has is judged, and the connection goes to one of those. No redirect is followed, no proxy of the environment is asked
/// (it would resolve the name again), nothing is unpacked, and what comes is bounded in size and time.
/// </summary>
internal sealed class GuardedHttp : IDisposable
{
    /// <summary>Real documents and key sets have a tenth of it.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>For the whole of it: name, connection, TLS, answer.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    private readonly HttpClient _http;

    /// <param name="allowed">Networks of special addresses that the operator lets it reach all the same.</param>
    public GuardedHttp(IReadOnlyList<IPNetwork> allowed)
    {
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectCallback = (context, cancellationToken) => ConnectAsync(context.DnsEndPoint, allowed, cancellationToken),
            MaxResponseHeadersLength = 16, // kilobytes
            // Each document is asked for once in a while: a connection that stays open would only be one that was judged long ago.
            PooledConnectionLifetime = TimeSpan.Zero,
            UseCookies = false,
            UseProxy = false,
        })
        {
            Timeout = System.Threading.Timeout.InfiniteTimeSpan,
        };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("McpIdentity", null));
    }

    /// <param name="url">An https URL.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <returns>The body of an answer of status 200, and what its headers say about how long it stays good.</returns>
    /// <exception cref="GuardedHttpException">It cannot be read; the message says why, in our words alone.</exception>
    public async Task<GuardedAnswer> GetAsync(Uri url, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, url) { Headers = { Accept = { new MediaTypeWithQualityHeaderValue("application/json") } } };
        var answer = await SendAsync(request, Timeout, readsBody: true, cancellationToken);
        return answer.Status == HttpStatusCode.OK ? answer : throw new GuardedHttpException($"{url.IdnHost} answered with status {(int)answer.Status}, and not 200");
    }

    /// <param name="request">To an https URL, or to any where the operator has named it.</param>
    /// <param name="within">For the whole of it.</param>
    /// <param name="readsBody">Whether more than what stands before the body is wanted.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <returns>The answer, of any status.</returns>
    /// <inheritdoc cref="GetAsync" path="/exception"/>
    public async Task<GuardedAnswer> SendAsync(HttpRequestMessage request, TimeSpan within, bool readsBody, CancellationToken cancellationToken)
    {
        var url = request.RequestUri!;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(within);
        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
            if (readsBody && response.Content.Headers.ContentEncoding.Count > 0)
            {
                throw new GuardedHttpException($"{url.IdnHost} answered in an encoding that was not asked for");
            }

            return new GuardedAnswer(
                readsBody ? await ReadAsync(response.Content, url, deadline.Token) : [],
                response.Headers.CacheControl, response.Headers.Age, response.Headers.Date, response.Content.Headers.Expires)
            {
                Status = response.StatusCode,
                Headers = response.Headers,
            };
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new GuardedHttpException($"{url.IdnHost} did not answer within {within.TotalSeconds} seconds");
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or SocketException)
        {
            throw exception as GuardedHttpException ?? exception.InnerException as GuardedHttpException ??
                (exception is HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError }
                    ? NotFound(url.IdnHost)
                    : new GuardedHttpException($"{url.IdnHost} could not be read ({ReasonOf(exception)})"));
        }
    }

    public void Dispose() => _http.Dispose();

    private static async ValueTask<Stream> ConnectAsync(DnsEndPoint target, IReadOnlyList<IPNetwork> allowed, CancellationToken cancellationToken)
    {
        var addresses = await Dns.GetHostAddressesAsync(target.Host, cancellationToken);
        // All of them: a name that has one address of each kind waits for the other to be chosen.
        if (addresses.Length == 0 || Array.Exists(addresses, address => SpecialUseAddresses.Contain(address) && !allowed.Any(network => network.Contains(address))))
        {
            throw NotFound(target.Host);
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, target.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task<byte[]> ReadAsync(HttpContent content, Uri url, CancellationToken cancellationToken)
    {
        await using var body = await content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[MaxBytes + 1];
        var read = content.Headers.ContentLength > MaxBytes
            ? buffer.Length
            : await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        return read <= MaxBytes ? buffer[..read] : throw new GuardedHttpException($"{url.IdnHost} answered with more than {MaxBytes / 1024} KB");
    }

    // One answer for both: which names exist within our network is nobody's to find out.
    private static GuardedHttpException NotFound(string host) => new($"{host} is not to be found on the public internet") { IsNotPublic = true };

    // The kind of failure and no more: a message may quote what the other side sent.
    private static string ReasonOf(Exception exception) => exception switch
    {
        HttpRequestException { HttpRequestError: not HttpRequestError.Unknown } http => http.HttpRequestError.ToString(),
        SocketException socket => socket.SocketErrorCode.ToString(),
        _ => exception.GetType().Name,
    };
}

/// <summary>What was read.</summary>
/// <param name="Body">At most <see cref="GuardedHttp.MaxBytes"/>.</param>
/// <param name="CacheControl">RFC 9111 §5.2.</param>
/// <param name="Age">How long a cache has had it (RFC 9111 §5.1).</param>
/// <param name="Date">When it was made.</param>
/// <param name="Expires">Until when it is good, where <paramref name="CacheControl"/> does not say.</param>
internal sealed record GuardedAnswer(byte[] Body, CacheControlHeaderValue? CacheControl, TimeSpan? Age, DateTimeOffset? Date, DateTimeOffset? Expires)
{
    public HttpStatusCode Status { get; init; } = HttpStatusCode.OK;

    public required HttpResponseHeaders Headers { get; init; }
}

/// <summary>A URL that could not be read, or must not be.</summary>
/// <param name="message">Why, as the second half of a sentence.</param>
internal sealed class GuardedHttpException(string message) : HttpRequestException(message)
{
    /// <summary>It has no address on the public internet, or none at all.</summary>
    public bool IsNotPublic { get; init; }
}
