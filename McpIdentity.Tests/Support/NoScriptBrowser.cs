using System.Net;

namespace McpIdentity.Tests.Support;

/// <summary>A browser without JavaScript: keeps cookies, follows redirects and meta refreshes, submits forms, remembers every answer.</summary>
/// <remarks>.NET's cookie container keeps Secure cookies from plain http, also on loopback, where browsers send them.</remarks>
internal sealed class NoScriptBrowser : IDisposable
{
    private const int MaxSteps = 30;

    private readonly HashSet<string> _origins;
    private readonly HttpClient _http;

    /// <param name="origins">The servers whose pages are opened; an address of any other is returned instead of being opened.</param>
    public NoScriptBrowser(params string[] origins)
    {
        _origins = [.. origins.Select(origin => OriginOf(new Uri(origin)))];
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            CookieContainer = Cookies,
            RequestHeaderEncodingSelector = (_, _) => System.Text.Encoding.UTF8,
            SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => NginxServer.IsItsCertificate(certificate) },
        })
        {
            BaseAddress = new Uri(origins[0]),
        };
    }

    public CookieContainer Cookies { get; } = new();

    /// <summary>What it says of itself, if anything.</summary>
    public string? UserAgent { get; init; }

    /// <summary>The languages that the person reads, as <c>Accept-Language</c> says them.</summary>
    public string? Languages { get; set; }

    /// <summary>Every answer in order, the redirects among them.</summary>
    public List<BrowserPage> Visits { get; } = [];

    /// <summary>Opens an address and goes on until a page wants something from the user or the servers are left.</summary>
    public Task<BrowserPage> GetAsync(string url) => FollowAsync(HttpMethod.Get, new Uri(_http.BaseAddress!, url), form: null);

    /// <summary>Fills in and sends the page's form: the one with the button, or else the one with the fields.</summary>
    /// <param name="page">The page that was returned last.</param>
    /// <param name="fields">What to type, by the field's name; hidden and prefilled fields are sent by themselves.</param>
    /// <param name="button">The value or the text of the button to press; absent, the form's first.</param>
    /// <param name="unticked">The values of boxes to take the tick from.</param>
    public Task<BrowserPage> SubmitAsync(BrowserPage page, IReadOnlyDictionary<string, string>? fields = null, string? button = null, params IReadOnlyCollection<string> unticked)
    {
        var submission = FormSubmission.Of(page, fields ?? new Dictionary<string, string>(), button, unticked);
        return FollowAsync(submission.Method, submission.Target, submission.Values);
    }

    public void Dispose() => _http.Dispose();

    private async Task<BrowserPage> FollowAsync(HttpMethod method, Uri target, IReadOnlyCollection<KeyValuePair<string, string>>? form)
    {
        for (var step = 0; step < MaxSteps; step++)
        {
            if (!_origins.Contains(OriginOf(target)))
            {
                return BrowserPage.Outside(target);
            }

            using var request = new HttpRequestMessage(method, target) { Content = form is null ? null : new FormUrlEncodedContent(form) };
            request.Headers.Accept.ParseAdd("text/html");
            if (UserAgent is not null)
            {
                request.Headers.TryAddWithoutValidation("User-Agent", UserAgent);
            }

            if (Languages is not null)
            {
                request.Headers.TryAddWithoutValidation("Accept-Language", Languages);
            }

            using var response = await _http.SendAsync(request);
            var page = await BrowserPage.ReadAsync(method, target, response);
            Visits.Add(page);
            if (page.Next is not { } next)
            {
                return page;
            }

            // RFC 9110 §15.4: 307 and 308 repeat the request as it was.
            var isRepeated = response.StatusCode is HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;
            (method, target, form) = isRepeated ? (method, next, form) : (HttpMethod.Get, next, null);
        }

        throw new InvalidOperationException($"No page after {MaxSteps} steps:\n{string.Join('\n', Visits)}");
    }

    private static string OriginOf(Uri address) => address.GetLeftPart(UriPartial.Authority);
}
