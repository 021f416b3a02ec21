using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using McpIdentity.Tests.Coverage;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Mcp;

/// <summary>The gate and the SDK must see the same message, whatever a caller writes.</summary>
[Category("MCP authorization")]
[Parallelizable(ParallelScope.All)]
internal sealed class MessageTests
{
    private const string Call = """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hi"}}}""";

    private McpHost _host = null!;
    private string _token = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _host = await McpHost.StartAsync(new Dictionary<string, string?> { ["Mcp:Auth:PublicTools"] = "greeting,ping" });
        _token = TestTokens.Own(_host.Keys.Key);
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _host.DisposeAsync();

    [TestCase("{", -32700), TestCase("", -32700), TestCase("nonsense", -32700), TestCase("{\"a\":1,}", -32700)]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}""", -32700)]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"ping","meth\u006fd":"tools/call"}""", -32700)]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greeting","name":"echo"}}""", -32700)]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greeting","arguments":{"x":{"y":1,"y":2}}}}""", -32700)]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greeting","Name":"echo"}}""", -32600)]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"NAME":"echo"}}""", -32600)]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"tools/call","Params":{"name":"echo"}}""", -32600)]
    [TestCase("""{"jsonrpc":"2.0","id":1,"Method":"tools/call","method":"ping"}""", -32600)]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_META":{}}}""", -32600)]
    [TestCase("""[{"jsonrpc":"2.0","id":1,"method":"ping"}]""", -32600)]
    [TestCase("\"ping\"", -32600), TestCase("null", -32600), TestCase("7", -32600)]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"\ud800"}""", -32600)]
    public async Task A_message_that_two_readers_could_read_differently_is_400(string body, int code)
    {
        var answer = await _host.PostAsync(body, _token);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Status, Is.EqualTo(400), answer.Body);
            Assert.That(answer.Json.GetProperty("error").GetProperty("code").GetInt32(), Is.EqualTo(code));
            Assert.That(answer.Json.GetProperty("id").ValueKind, Is.EqualTo(System.Text.Json.JsonValueKind.Null));
        }
    }

    [Test]
    public async Task Bytes_that_are_not_UTF8_are_400()
    {
        var answer = await _host.PostAsync("", _token, request => request.Content = Json([.. "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\""u8, 0xFF, .. "\"}"u8]));

        Assert.That(answer.Status, Is.EqualTo(400));
    }

    [Test]
    public async Task A_charset_does_not_make_the_SDK_read_another_message()
    {
        var answer = await _host.PostAsync("", _token, request =>
        {
            request.Content = Json(Encoding.UTF8.GetBytes(Call));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json") { CharSet = "utf-16" };
        });

        Assert.That(answer.Text, Is.EqualTo("hi"));
    }

    [Test]
    public async Task Deep_nesting_is_400() =>
        Assert.That((await _host.PostAsync(new string('[', 100_000), _token)).Status, Is.EqualTo(400));

    [Test]
    public async Task More_than_4_MB_is_413([Values] bool chunked)
    {
        var answer = await _host.PostAsync("", _token, request =>
        {
            request.Content = Json(new byte[(4 * 1024 * 1024) + 1]);
            request.Headers.TransferEncodingChunked = chunked;
        });

        Assert.That(answer.Status, Is.EqualTo(413));
        Assert.That(answer.Body, Does.Contain("larger than 4,194,304 bytes"));
    }

    [Test]
    public async Task A_chunked_body_is_read()
    {
        var answer = await _host.PostAsync(Call, _token, request => request.Headers.TransferEncodingChunked = true);

        Assert.That(answer.Text, Is.EqualTo("hi"));
    }

    // SEED-054: curl with a body and no type sends a form's; without Authorization a form could come from any web page.
    [TestCase("application/x-www-form-urlencoded", true, 200), TestCase("text/plain", true, 200), TestCase(null, true, 200)]
    [TestCase("application/json", false, 200), TestCase("application/json; charset=utf-8", false, 200)]
    [TestCase("application/x-www-form-urlencoded", false, 415), TestCase("text/plain", false, 415), TestCase(null, false, 415)]
    [TestCase("multipart/form-data; boundary=x", false, 415)]
    [Category("SEED-054")]
    public async Task A_type_other_than_JSON_needs_an_Authorization_header(string? type, bool authorized, int status)
    {
        var answer = await _host.PostAsync("", authorized ? _token : null, request =>
        {
            request.Content = new ByteArrayContent("""{"jsonrpc":"2.0","method":"tools/list","id":1}"""u8.ToArray());
            request.Content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
        });

        Assert.That(answer.Status, Is.EqualTo(status), answer.Body);
    }

    [TestCase(null, "application/json"), TestCase("*/*", "application/json"), TestCase("application/json", "application/json")]
    [TestCase("application/json, text/event-stream", "text/event-stream"), TestCase("text/event-stream", "text/event-stream")]
    public async Task Who_does_not_ask_for_an_event_stream_gets_plain_JSON(string? accept, string contentType)
    {
        var answer = await _host.PostAsync(Call, _token, request =>
        {
            if (accept is not null)
            {
                request.Headers.TryAddWithoutValidation("Accept", accept);
            }
        });

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Status, Is.EqualTo(200));
            Assert.That(answer.ContentType, Is.EqualTo(contentType));
            Assert.That(answer.Body, Does.Contain("\"text\":\"hi\"").And.Contain("\"id\":1"));
        }
    }

    [Test]
    public async Task A_plain_answer_may_itself_contain_what_looks_like_an_event()
    {
        var answer = await _host.CallToolAsync("echo", _token, new { message = "data: one\ndata: two\n\nevent: x" });

        Assert.That(answer.Text, Is.EqualTo("data: one\ndata: two\n\nevent: x"));
    }

    [Test]
    public async Task A_notification_is_202_and_empty()
    {
        var answer = await _host.PostAsync("""{"jsonrpc":"2.0","method":"notifications/initialized"}""");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Status, Is.EqualTo(202));
            Assert.That(answer.Body, Is.Empty);
        }
    }

    // SEED-044.
    [Test]
    [Category("SEED-044")]
    public async Task An_unknown_method_is_a_JSON_RPC_error_once_authorized()
    {
        var answer = await _host.CallAsync("invented/method", bearer: _token);

        Assert.That(answer.Json.GetProperty("error").GetProperty("code").GetInt32(), Is.EqualTo(-32601));
    }

    [TestCase("MCP-Protocol-Version", "2025-11-25"), TestCase("Mcp-Method", "ping"), TestCase("Mcp-Name", "greeting"), TestCase("Mcp-Name", "=?base64?!?=")]
    [TestCase("Mcp-Method", null), TestCase("Mcp-Name", null)]
    [Requirement("MCP-45"), Requirement("MCP-46")]
    public async Task A_header_that_contradicts_the_body_or_is_missing_is_refused(string header, string? value)
    {
        var answer = await _host.PostAsync(
            """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hi"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}""",
            _token,
            request =>
            {
                request.Headers.Add("MCP-Protocol-Version", "2026-07-28");
                request.Headers.Remove(header);
                if (value is not null)
                {
                    request.Headers.TryAddWithoutValidation(header, value);
                }
            });

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Status, Is.EqualTo(400));
            Assert.That(answer.Json.GetProperty("error").GetProperty("code").GetInt32(), Is.EqualTo(-32020));
            Assert.That(answer.Json.GetProperty("id").GetInt32(), Is.EqualTo(1));
        }
    }

    [Test]
    public async Task A_name_header_is_compared_only_where_the_body_has_a_name()
    {
        var answer = await _host.CallAsync("tools/list", bearer: _token, change: request => request.Headers.Add("Mcp-Name", "anything"));

        Assert.That(answer.Status, Is.EqualTo(200), answer.Body);
    }

    [Test]
    [Requirement("MCP-46")]
    public async Task The_modern_era_is_served_too([Values("echo", "=?base64?ZWNobw==?=")] string name)
    {
        var answer = await _host.PostAsync(
            """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hi"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}""",
            _token,
            request =>
            {
                request.Headers.Add("MCP-Protocol-Version", "2026-07-28");
                request.Headers.Add("Mcp-Method", "tools/call");
                request.Headers.TryAddWithoutValidation("Mcp-Name", name);
            });

        Assert.That(answer.Status, Is.EqualTo(200), answer.Body);
    }

    [TestCase("null"), TestCase("[]"), TestCase("{}"), TestCase("7"), TestCase("""{"protocolVersion":1,"capabilities":{},"clientInfo":{"name":"x","version":"1"}}"""), TestCase("""{"capabilities":{},"clientInfo":{"name":"x","version":"1"}}""")]
    [TestCase("""{"protocolVersion":"2025-11-25","clientInfo":{"name":"x","version":"1"}}"""), TestCase("""{"protocolVersion":"2025-11-25","capabilities":[],"clientInfo":{"name":"x","version":"1"}}"""), TestCase("""{"protocolVersion":"2025-11-25","capabilities":{}}""")]
    [TestCase("""{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":"x"}"""), TestCase("""{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":7}}"""), TestCase("""{"protocolVersion":"2025-11-25","capabilities":{"roots":"x"},"clientInfo":{"name":"x","version":"1"}}""")]
    public async Task A_wrong_initialize_has_invalid_params(string parameters)
    {
        foreach (var accept in new[] { "application/json", "application/json, text/event-stream" })
        {
            var answer = await _host.PostAsync($$"""{"jsonrpc":"2.0","id":"a","method":"initialize","params":{{parameters}}}""", change: request => request.Headers.TryAddWithoutValidation("Accept", accept));

            Assert.That(answer.Status, Is.InRange(200, 499), answer.Body);
            Assert.That(answer.Json.GetProperty("error").GetProperty("code").GetInt32(), Is.EqualTo(-32602), answer.Body);
            Assert.That(answer.Json.GetProperty("id").GetString(), Is.EqualTo("a"));
        }
    }

    [TestCase("initialize"), TestCase("tools/list"), TestCase("tools/call")]
    [Requirement("MCP-39")]
    public async Task A_session_that_nobody_gave_is_ignored(string method)   // docs/interoperability.md, "Sessions that we never gave"
    {
        object parameters = method == "initialize" ? new { protocolVersion = "2025-11-25", capabilities = new { }, clientInfo = new { name = "x", version = "1" } } : new { name = "greeting", arguments = new { } };
        var answer = await _host.CallAsync(method, parameters, _token, request => request.Headers.Add("Mcp-Session-Id", "0197a5a6-0000-7000-8000-000000000000"));

        Assert.That(answer.Status, Is.EqualTo(200), answer.Body);
        Assert.That(answer.Json.TryGetProperty("result", out _), Is.True, answer.Body);
    }

    [TestCase("""{"jsonrpc":"2.0","id":"\ud800","method":"ping"}"""), TestCase("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"\udc00"}}}""")]
    [TestCase("""{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"clientInfo":{"name":"\uD800"}}}""")]
    public async Task Half_of_a_surrogate_pair_is_400(string body) =>
        Assert.That((await _host.PostAsync(body, _token)).Status, Is.EqualTo(400));

    [Test]
    public void A_host_whose_transport_has_sessions_that_no_setting_chose_does_not_start([Values] bool byMode) => Assert.That(
        async () => await McpHost.StartAsync(configure: (_, mcp) => mcp.WithHttpTransport(transport =>
        {
            transport.SessionMode = byMode ? ModelContextProtocol.AspNetCore.HttpServerSessionMode.StatefulForInitializeClients : ModelContextProtocol.AspNetCore.HttpServerSessionMode.Stateful;
        })),
        Throws.InstanceOf<Microsoft.Extensions.Options.OptionsValidationException>().With.Message.Contains("needs Stateless, by Mcp:SessionMode=Stateless"));

    [TestCase("GET"), TestCase("DELETE"), TestCase("PUT")]
    [Requirement("MCP-51")]
    public async Task Other_HTTP_methods_are_405(string method)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), "/mcp");
        using var response = await _host.Client.SendAsync(request);

        Assert.That((int)response.StatusCode, Is.EqualTo(405));
    }

    [TestCase("Content-Length: 5", "{", "", TestName = "Half_a_request_is_closed_without_an_answer")]
    [TestCase("Transfer-Encoding: chunked", "FFFFFFFFFFFFFFFF\r\n", "HTTP/1.1 400"), TestCase("Transfer-Encoding: chunked", "x\r\n", "HTTP/1.1 400")]
    public async Task Broken_framing_is_no_server_error(string header, string body, string expected)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(_host.Client.BaseAddress!.Host, _host.Client.BaseAddress.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{header}\r\n\r\n{body}"));
        if (body == "{")
        {
            client.Client.Shutdown(SocketShutdown.Send);
        }

        var answer = new byte[12];
        var length = 0;
        try
        {
            length = await stream.ReadAtLeastAsync(answer, answer.Length, throwOnEndOfStream: false);
        }
        catch (IOException) when (expected.Length == 0)
        {
            // closed by a reset
        }

        Assert.That(Encoding.ASCII.GetString(answer, 0, length), Is.EqualTo(expected));
        Assert.That((await _host.CallAsync("tools/list")).Status, Is.EqualTo(200), "the next one is served");
    }

    private static ByteArrayContent Json(byte[] body) => new(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
}
