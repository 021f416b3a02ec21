using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace McpIdentity.Bench;

/// <summary>Plain HTTP over keep-alive connections, as many as lanes send at once; no cookie jar, no redirects, little work of its own.</summary>
/// <param name="servers">Where they listen: each request goes to the next of them, as from a balancer.</param>
/// <param name="issuer">Under which address clients know them.</param>
internal sealed class Wire(IReadOnlyList<Uri> servers, Uri issuer) : IDisposable
{
    // Below HttpClient: its extras would be CPU of the load generator.
    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        MaxConnectionsPerServer = 2 * Load.Connections, // as many lanes as two servers have
        ActivityHeadersPropagator = null,
    });

    private int _turn;

    public Wire(Uri server)
        : this([server], server)
    {
    }

    public Uri Server => servers[0];

    public Uri Issuer => issuer;

    private Uri Next => servers[(int)((uint)Interlocked.Increment(ref _turn) % servers.Count)];

    public Task<Answer> GetAsync(string path, string? cookie = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Next, path));
        if (cookie is not null)
        {
            request.Headers.TryAddWithoutValidation("Cookie", cookie);
        }

        return SendAsync(request);
    }

    public Task<Answer> PostFormAsync(string path, byte[] form, string? authorization = null, string? cookie = null)
    {
        var request = Post(path, form, "application/x-www-form-urlencoded", authorization);
        if (cookie is not null)
        {
            request.Headers.TryAddWithoutValidation("Cookie", cookie);
        }

        return SendAsync(request);
    }

    public Task<Answer> PostJsonAsync(string path, byte[] json, string? authorization = null, params ReadOnlySpan<(string Name, string Value)> headers)
    {
        var request = Post(path, json, "application/json", authorization);
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return SendAsync(request);
    }

    /// <summary>Whether there is somebody who answers 200.</summary>
    public async Task<bool> AnswersAsync(string path)
    {
        try
        {
            return (await GetAsync(path)).Status == 200;
        }
        catch (HttpRequestException)
        {
            return false; // nobody listens yet
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>A form's bytes; the values are escaped here.</summary>
    public static byte[] Form(params (string Name, string Value)[] fields) =>
        Encoding.ASCII.GetBytes(string.Join('&', fields.Select(field => $"{field.Name}={Uri.EscapeDataString(field.Value)}")));

    private HttpRequestMessage Post(string path, byte[] body, string type, string? authorization)
    {
        var content = new ByteArrayContent(body);
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Next, path)) { Content = content };
        if (authorization is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        return request;
    }

    private async Task<Answer> SendAsync(HttpRequestMessage request)
    {
        using (request)
        using (var response = await _http.SendAsync(request, CancellationToken.None))
        {
            return new Answer((int)response.StatusCode, response.Headers, await response.Content.ReadAsByteArrayAsync());
        }
    }
}

/// <summary>What came back. The checks throw, and a throw is what the load counts as an error.</summary>
internal sealed record Answer(int Status, HttpResponseHeaders Headers, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);

    public Answer MustBe(int status) => Status == status ? this : throw new WrongAnswerException($"{Status} in place of {status}: {Text}") { Status = Status };

    /// <summary>302, or the 303 that some send in its place.</summary>
    public Answer MustRedirect() => Status == 303 ? this : MustBe(302);

    /// <summary>Of an introspection (RFC 7662, section 2.2).</summary>
    public Answer MustBeActive()
    {
        using var document = JsonDocument.Parse(Body);
        return document.RootElement.TryGetProperty("active", out var active) && active.GetBoolean() ? this : throw new WrongAnswerException($"not active: {Text}");
    }

    /// <summary>A 200 with the wrong content is as wrong as a 500.</summary>
    public Answer MustContain(ReadOnlySpan<byte> text) =>
        Body.AsSpan().IndexOf(text) >= 0 ? this : throw new WrongAnswerException($"'{Encoding.UTF8.GetString(text)}' is not in: {Text}");

    public string Member(string name)
    {
        using var document = JsonDocument.Parse(Body);
        return document.RootElement.TryGetProperty(name, out var value) ? value.GetString()! : throw new WrongAnswerException($"no {name} in: {Text}");
    }
}

internal sealed class WrongAnswerException(string message) : Exception(message)
{
    /// <summary>Of an answer that is wrong by its status; 0 otherwise.</summary>
    public int Status { get; init; }
}
