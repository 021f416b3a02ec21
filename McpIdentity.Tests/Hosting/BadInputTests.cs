using System.Net;
using System.Net.Sockets;
using System.Text;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Hosting;

/// <summary>Input never causes a 5xx: B-20; docs/interoperability.md, "Malformed requests".</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class BadInputTests
{
    private const string FormType = "application/x-www-form-urlencoded";

    private static readonly string[] Endpoints = ["/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/userinfo"];

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    [Category("B-20")]
    public async Task A_form_that_is_broken_gets_the_json_of_rfc_6749([ValueSource(nameof(Endpoints))] string path)
    {
        foreach (var body in new[]
        {
            "grant_type=client_credentials&grant_type=password",
            "grant_type=client_credentials&client_id=a%00b",
            "grant_type=%00",
            "a%00b=c",
            "%=%&=&&&%zz=%zz",
            "grant_type",
            "=",
            string.Join('&', Enumerable.Range(0, 5000).Select(i => $"k{i}=v")),
            "token=" + new string('x', 100_000),
            new string('k', 5000) + "=v",
            "token=%F0%9F%98%80%C0%80&client_id=%FF",
            "code=x&client_id=x&code_verifier=x&grant_type=authorization_code&redirect_uri=:::",
        })
        {
            using var response = await PostAsync(path, body, FormType);

            await AssertRefusedAsync(response, $"{path} {body[..Math.Min(60, body.Length)]}");
        }
    }

    [Test]
    public async Task A_wrong_content_type_gets_the_json_of_rfc_6749([ValueSource(nameof(Endpoints))] string path)
    {
        foreach (var type in new[] { "application/json", "text/plain", "multipart/form-data", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded; charset=nonsense", "application/x-www-form-urlencoded; charset=utf-7", "application/x-www-form-urlencoded;;", "application/x-www-form-urlencoded; charset=\"" })
        {
            using var response = await PostAsync(path, """{"grant_type":"client_credentials"}""", type);

            await AssertRefusedAsync(response, $"{path} {type}");
        }
    }

    [TestCase("Basic")]
    [TestCase("Basic ")]
    [TestCase("Basic %%%")]
    [TestCase("Basic bm9jb2xvbg==")]
    [TestCase("Basic Og==")]
    [TestCase("Basic AAAA")]
    [TestCase("Bearer")]
    [TestCase("Nonsense x")]
    public async Task A_malformed_authorization_header_is_refused_as_json(string header)
    {
        foreach (var path in Endpoints)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent("grant_type=client_credentials&token=x", Encoding.ASCII, FormType) };
            request.Headers.TryAddWithoutValidation("Authorization", header);

            using var response = await _server.Http.SendAsync(request);

            await AssertRefusedAsync(response, $"{path} {header}");
        }
    }

    [Test]
    public async Task An_authorization_request_that_is_broken_gets_a_page()
    {
        foreach (var query in new[]
        {
            "?client_id=a&client_id=b", "?client_id=a%00b", "?a%00=b", "?client_id=" + new string('x', 7000), "?%zz=%zz", "?client_id=%FF%FE&response_type=code",
            "?request_uri=urn:x&client_id=a", "?request=a.b.c", "?id_token_hint=x.y.z&client_id=a", "?max_age=abc&client_id=a", "?access_token=x",
        })
        {
            using var response = await _server.Http.GetAsync("/oauth/authorize" + query);

            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest), query[..Math.Min(60, query.Length)]);
            Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo("text/html"), query[..Math.Min(60, query.Length)]);
        }
    }

    [TestCase("/signin")]
    [TestCase("/consent")]
    [TestCase("/oauth/signout")]
    public async Task A_name_that_a_page_does_not_know_is_nothing_to_it(string path)
    {
        foreach (var name in new[] { "a[", "]", "a[b][", "[0]", ".", "request[" })
        {
            using var asked = await _server.Http.GetAsync($"{path}?{Uri.EscapeDataString(name)}=x");
            using var sent = await PostAsync(path, $"{Uri.EscapeDataString(name)}=x", FormType);

            Assert.That((int)asked.StatusCode, Is.LessThan(500), $"{path}?{name}");
            Assert.That((int)sent.StatusCode, Is.LessThan(500), $"{path} {name}");
        }
    }

    [Test]
    public async Task A_body_that_is_too_large_is_told_the_bound_that_is_in_force([Values] bool chunked)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp") { Content = new StringContent(new string(' ', (1024 * 1024) + 1), Encoding.UTF8, "application/json") };
        request.Headers.TransferEncodingChunked = chunked;

        using var response = await _server.Http.SendAsync(request);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.RequestEntityTooLarge));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("larger than 1,048,576 bytes"));
    }

    [Test]
    public async Task A_chunk_size_that_overflows_is_a_bad_request()   // measured as 500 on the bare library
    {
        foreach (var path in new[] { "/oauth/token", "/register", "/mcp", "/signin", "/oauth/authorize" })
        {
            using var tcp = new TcpClient();
            await tcp.ConnectAsync("localhost", new Uri(_server.BaseUrl).Port);
            var stream = tcp.GetStream();
            var type = path is "/register" or "/mcp" ? "application/json" : FormType;
            await stream.WriteAsync(Encoding.ASCII.GetBytes(
                $"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {type}\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\nx"));

            using var reader = new StreamReader(stream);
            Assert.That(await reader.ReadLineAsync(), Does.StartWith("HTTP/1.1 4"), path);
        }
    }

    [Test]
    [Category("B-20")]
    public async Task Unknown_paths_and_methods_are_4xx_without_a_stack()
    {
        foreach (var (method, path) in new[]
        {
            ("GET", "/nothing"), ("DELETE", "/register"), ("GET", "/register"), ("GET", "/oauth/token"), ("PUT", "/oauth/token"), ("GET", "/oauth/callback"),
            ("GET", "/oauth/callback?code=x&state=y"), ("POST", "/consent"), ("POST", "/signin"), ("POST", "/.well-known/jwks.json"), ("PUT", "/mcp"), ("GET", "/oauth/%00"),
        })
        {
            using var response = await _server.Http.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

            Assert.That((int)response.StatusCode, Is.InRange(400, 499), $"{method} {path}");
            Assert.That(await response.Content.ReadAsStringAsync(), Does.Not.Contain("   at "), $"{method} {path}");
        }
    }

    [Test]
    public async Task Random_bytes_never_cause_a_5xx()
    {
        var random = new Random(20261124);
        foreach (var path in new[] { "/oauth/token", "/oauth/revoke", "/oauth/introspect", "/register", "/mcp", "/oauth/userinfo", "/oauth/authorize", "/signin", "/consent" })
        {
            for (var i = 0; i < 150; i++)
            {
                var body = new byte[random.Next(0, 200)];
                random.NextBytes(body);
                using var content = new ByteArrayContent(body);
                content.Headers.TryAddWithoutValidation("Content-Type", random.Next(3) switch { 0 => FormType, 1 => "application/json", _ => "x/y" });
                using var response = await _server.Http.PostAsync(path, content);

                Assert.That((int)response.StatusCode, Is.LessThan(500), $"{path}: {Convert.ToHexString(body)}");
            }
        }
    }

    private async Task<HttpResponseMessage> PostAsync(string path, string body, string type)
    {
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        return await _server.Http.PostAsync(path, content);
    }

    private static async Task AssertRefusedAsync(HttpResponseMessage response, string what)
    {
        var body = await response.Content.ReadAsStringAsync();
        Assert.That((int)response.StatusCode, Is.InRange(400, 499), $"{what}: {body}");
        // RFC 6750 §3: the userinfo endpoint answers in WWW-Authenticate.
        var error = response.Content.Headers.ContentType?.MediaType == "application/json" ? (await response.JsonAsync()).Text("error") : response.Headers.WwwAuthenticate.ToString();
        Assert.That(error, Is.Not.Null.And.Not.Empty, what);
        Assert.That(response.Headers.CacheControl?.NoStore, Is.True, what);
    }
}
