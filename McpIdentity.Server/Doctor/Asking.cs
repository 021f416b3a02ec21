using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using McpIdentity.Migrations;

namespace McpIdentity.Server.Doctor;

/// <summary>
/// Asks a server as a client would, and survives whatever it answers: no redirect is followed, and each answer is bounded in size and time.
/// A certificate that is not good is written down and gone past, so that what stands behind it is judged too: nothing secret is sent.
/// </summary>
internal sealed class Asking : IDisposable
{
    /// <summary>As long as clients wait.</summary>
    public static readonly TimeSpan Within = TimeSpan.FromSeconds(10);

    private const int MaxBytes = 256 * 1024;

    private readonly HttpClient _http;

    public Asking(Uri origin)
    {
        Origin = origin;
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.All,
            MaxResponseHeadersLength = 64, // kilobytes
            UseCookies = false,
            SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = Look, CertificateRevocationCheckMode = X509RevocationMode.NoCheck },
        })
        {
            Timeout = Timeout.InfiniteTimeSpan, // of the whole, the body included: below
        };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("McpIdentity-doctor", null));
    }

    public Uri Origin { get; }

    /// <summary>What is wrong with the certificate of <see cref="Origin"/>'s host; null: nothing, or there is none.</summary>
    public string? CertificateProblem { get; private set; }

    /// <summary>Until when it is good.</summary>
    public DateTime? CertificateUntil { get; private set; }

    public async Task<Answer> GetAsync(string url, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        return await SendAsync(request, cancellationToken);
    }

    /// <summary>Never throws but where the work is ended: a failure is an answer too.</summary>
    public async Task<Answer> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Within);
        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
            // A stream of events may never end; what stands in it is not looked at.
            var body = response.Content.Headers.ContentType?.MediaType == "text/event-stream" ? [] : await ReadAsync(response.Content, deadline.Token);
            return new Answer(response.StatusCode, body, response.Content.Headers.ContentType?.MediaType, response.Headers, body is null ? $"more than {MaxBytes / 1024} KB came" : null);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Answer.None($"no answer within {Within.TotalSeconds:0} seconds");
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or SocketException or NotSupportedException or InvalidOperationException or InvalidDataException)
        {
            return Answer.None(StorableText.ForDisplay(exception.GetBaseException().Message, 300) ?? exception.GetType().Name);
        }
    }

    public void Dispose() => _http.Dispose();

    private static async Task<byte[]?> ReadAsync(HttpContent content, CancellationToken cancellationToken)
    {
        await using var body = await content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[MaxBytes + 1];
        var read = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        return read <= MaxBytes ? buffer[..read] : null;
    }

    private bool Look(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (sender is SslStream { TargetHostName: { } host } && !host.Equals(Origin.IdnHost, StringComparison.OrdinalIgnoreCase))
        {
            return certificate is not null; // of another host, such as that of the key set
        }

        CertificateUntil = (certificate as X509Certificate2)?.NotAfter.ToUniversalTime();
        CertificateProblem = errors switch
        {
            SslPolicyErrors.None => null,
            _ when errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable) => "there is none",
            _ when errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) => $"it is for another name than {Origin.IdnHost}",
            _ => string.Join(' ', chain?.ChainStatus.Select(status => status.StatusInformation.Trim()).Distinct() ?? []),
        };
        return certificate is not null;
    }
}

/// <summary>What came back.</summary>
/// <param name="Status">0: nothing came.</param>
/// <param name="Body">Null: too much of it.</param>
/// <param name="MediaType">As it says.</param>
/// <param name="Headers">Null: nothing came.</param>
/// <param name="Failure">Why it cannot be used as it is.</param>
internal sealed record Answer(HttpStatusCode Status, byte[]? Body, string? MediaType, HttpResponseHeaders? Headers, string? Failure)
{
    public static Answer None(string why) => new(0, [], null, null, why);

    public bool IsThere => Status != 0;

    public bool IsHtml => MediaType is "text/html" or "application/xhtml+xml" || (Body is { Length: > 0 } && Body.AsSpan(0, Math.Min(200, Body.Length)).TrimStart(" \r\n\t"u8).StartsWith("<"u8));

    public string? Header(string name) => Headers?.TryGetValues(name, out var values) == true ? string.Join(", ", values) : null;

    /// <summary>The body as a JSON object; null where it is none.</summary>
    public JsonElement? Object()
    {
        try
        {
            using var json = JsonDocument.Parse(Body ?? []);
            return json.RootElement.ValueKind == JsonValueKind.Object ? json.RootElement.Clone() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>In a few words: what came in place of what was wanted.</summary>
    public override string ToString() =>
        Failure ?? (Headers?.Location is { } location ? $"status {(int)Status}, to {location}" : IsHtml ? $"status {(int)Status} and a page of HTML" : $"status {(int)Status} and {MediaType ?? "nothing"}");
}
