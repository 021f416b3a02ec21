using System.Text;

namespace McpIdentity.Tests.Fuzzing;

/// <summary>What strangers send: the values that break parsers, each of them once broke somebody's.</summary>
internal static class Odd
{
    public static readonly string[] Methods =
    [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "QUERY", "M-SEARCH", "get", "post", "Get", "pOST", "FOO", "X",
    ];

    /// <summary>Spellings of a path; <c>{0}</c> is the path.</summary>
    public static readonly string[] Spellings =
    [
        "{0}", "{0}", "{0}", "{0}", "{0}/", "{0}//", "/{0}", "{0}/.", "{0}/..", "{0}%2f", "{0}%00", "{0}%0A", "{0}%0d%0ax", "{0}%20", "{0};a=b", "{0}%25", "{0}%252e", "{0}%E2%80%AE",
        "{0}%ff", "{0}%c0%ae", "{0}.json", "{0}~", "{0}/x", "{0}/x/y", "{0}\\", "/.{0}", "/%2e{0}", "/x/..{0}", "/nothing{0}", "{0}%F0%9F%98%80", "{0}%", "{0}%zz",
    ];

    public static readonly string[] Queries =
    [
        "", "", "", "?", "?&", "?=", "?a", "?a=b&a=c", "?%", "?%zz=%zz", "?a=%00", "?%00=a", "?a=%0A", "?a=%FF", "?a=%ED%A0%80", "?access_token=x", "?request=x", "?request=%00", "?error=access_denied&state=x",
        "?code=x&state=y", "?id=x", "?client_id=x&client_id=y", "?page=../../etc", "?__RequestVerificationToken=x", "?culture=xx", "?a[]=1&a[b]=2", "?returnUrl=//evil.example", "?max_age=x",
        "?resource=x&resource=y", "?" + new string('q', 9000), "?" + string.Join('&', Enumerable.Range(0, 1500).Select(i => $"a{i}")),
    ];

    public static readonly string[] ContentTypes =
    [
        "application/x-www-form-urlencoded", "application/x-www-form-urlencoded", "application/json", "application/json", "application/x-www-form-urlencoded;;", "application/x-www-form-urlencoded;",
        "application/x-www-form-urlencoded; charset=utf-7", "application/x-www-form-urlencoded; charset=utf-16", "application/x-www-form-urlencoded; charset=utf-32", "application/x-www-form-urlencoded; charset=",
        "application/x-www-form-urlencoded; charset=nonsense", "application/x-www-form-urlencoded; charset=\"utf-8\"", "application/x-www-form-urlencoded; charset=\"", "application/x-www-form-urlencoded; charset=utf-8; charset=utf-7",
        "application/x-www-form-urlencoded; charset=iso-8859-1", "application/x-www-form-urlencoded, application/json", "APPLICATION/X-WWW-FORM-URLENCODED", " application/x-www-form-urlencoded ", "application/x-www-form-urlencoded x",
        "application/json;;", "application/json; charset=utf-7", "application/json; charset=utf-16", "application/json; charset=nonsense", "application/json; charset=", "application/json; charset=\"", "application/vnd.api+json", "text/json",
        "application/json, application/json", "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=x", "multipart/form-data; boundary=\"x y\"", "multipart/form-data; boundary=" + new string('b', 300),
        "multipart/form-data;;boundary=x", "multipart/mixed; boundary=x", "text/plain", "text/plain; charset=utf-7", "application/octet-stream", "", ";", "/", "x", "*/*", "\u00e9/\u00fc", "application/" + new string('x', 5000), "text/html; charset=utf-8",
    ];

    public static readonly string[] Texts =
    [
        "", " ", "x", "null", "true", "0", "-1", "1e999", "NaN", "99999999999999999999", "2147483648", "-9223372036854775808", "9223372036854775807", "-300000000000", "\0", "a\0b", "a\nb", "a\r\nSet-Cookie: x=y", "\u001b[31mred", "\u202Eevil", "\u2028", "\u200B", "\uFEFF", "\uD800", "\uDC00x", "😀", "e\u0301",
        "é", "<script>alert(1)</script>", "'; DROP TABLE Grants; --", "{{7*7}}", "${jndi:ldap://x}", "../../etc/passwd", "%00", "%ZZ", "%", "\"", "\\", "javascript:alert(1)", "http://", "http://[", "https://a:99999/", "https://é.example/",
        "urn:x", "//x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", new string('x', 300), new string('é', 300), new string('x', 2100), string.Concat(Enumerable.Repeat("😀", 150)), new string('x', 199) + "😀",
    ];

    public static readonly string[] Json =
    [
        "null", "true", "false", "0", "-1", "1.5", "1e400", "-0", "9223372036854775808", "123456789012345678901234567890", "\"\"", "\"x\"", "\"\\u0000\"", "\"\\ud800\"", "\"\\n\"", "\"😀\"", "[]", "{}", "[[]]", "[null]", "[1]", "[\"x\"]", "[{}]",
        "{\"a\":null}", "{\"x\":{\"y\":[]}}", "\"2025-11-25\"", "\"1900-01-01\"", "\"http://127.0.0.1/cb\"", "[\"https://a.example/cb\"]", "\"none\"", Nested(70), Nested(2000), $"\"{new string('x', 3000)}\"",
    ];

    private static readonly string[] Hosts =
    [
        "localhost", "LOCALHOST", "localhost.", "localhost:1", "localhost:", "localhost:99999", "localhost:x", "127.0.0.1", "[::1]", "[::1]:80", "[::1", "::1", "0x7f.1", "2130706433", "evil.example", "xn--bcher-kva.example", "b\u00fccher.example",
        "a b", "a,b", "a/b", "user@localhost", "*", "..", "-", "_", "%6cocalhost", "localhost#", "localhost?x", "", new string('h', 300), "a\tb",
    ];

    private static readonly string[] Origins =
    [
        "null", "", "https://claude.ai", "http://localhost:6274", "https://evil.example", "chrome-extension://abcdefghijklmnopabcdefghijklmnop", "vscode-webview://x", "file://", "https://", "https://a/", "https://a/b", "https://a b", "a", "*", "https://é.example",
        "https://a.example, https://b.example", "javascript:x", "https://user@a.example", "https://a.example:99999", new string('o', 4000), "http://[::1]:1", "http://[",
    ];

    private static readonly string[] Tokens =
    [
        "Bearer", "Bearer ", "Bearer x", "bearer x", "Bearer  x  y", "Bearer é", "Bearer a.b.c", "Bearer ..", "Bearer .", "Basic", "Basic ", "Basic %%%", "Basic bm9jb2xvbg==", "Basic Og==", "Basic AAAA", "Basic //79/A==", "Basic JTAwOiUwMA==", "Basic JWVkJWEwJTgwOng=",
        "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes("a\nb:c\nd")), "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(new string('c', 500) + ":" + new string('s', 5000))), "Digest username=\"x\"", "Negotiate AAAA", "DPoP x", "x", "",
        "Bearer " + new string('t', 9000), "Bearer " + new string('t', 20000), .. Jwts().Select(jwt => "Bearer " + jwt),
    ];

    /// <summary>Headers with values that have broken somebody.</summary>
    public static IEnumerable<(string Name, string Value)> Headers(Random random)
    {
        var pick = new (string Name, string[] Values)[]
        {
            ("Accept", ["*/*", "text/html", "application/json", "text/event-stream", "application/json, text/event-stream", "", ";", "a/b;q=x", "text/html;q=999", "*/*;q=", new string('a', 4000), "é"]),
            ("Accept-Language", ["en", "de-DE,de;q=0.9", "", "*", "xx-yy-zz", ";q=1", "en;q=abc", new string('l', 4000), "é", "\u202e", "../x", "en_US", "i-klingon"]),
            ("Accept-Encoding", ["gzip", "br;q=x", "*", "", "identity;q=0"]),
            ("Cookie", ["", "=", ";", "a", "a=b; a=c", "__Host-session=x", "mcpidentity=x", "mcpidentity-session=%00", "x=\"", "é=ü", ".AspNetCore.Antiforgery.x=y", new string('c', 8000), string.Join("; ", Enumerable.Range(0, 300).Select(i => $"c{i}=v"))]),
            ("Host", Hosts),
            ("Origin", Origins),
            ("Authorization", Tokens),
            ("X-MCP-JWT", Tokens),
            ("X-Forwarded-For", ["1.2.3.4", "1.2.3.4, 5.6.7.8", "::1", "[::1]:1", "x", "", "unknown", "1.2.3.4:99999", new string('1', 4000), "é"]),
            ("X-Forwarded-Proto", ["https", "http", "ftp", "javascript", "", "https,http", "é", "HTTPS", "h ttps", "1"]),
            ("X-Forwarded-Host", Hosts),
            ("X-Forwarded-Port", ["443", "x", "-1"]),
            ("X-Forwarded-Prefix", ["/x", "//evil", "x"]),
            ("X-Original-Host", Hosts),
            ("Forwarded", ["for=1.2.3.4;host=evil.example;proto=https", "x", "for=\"[::1]\""]),
            ("X-HTTP-Method-Override", ["TRACE", "DELETE", "x"]),
            ("If-None-Match", ["*", "\"x\"", "W/\"x\"", "x", "", "\"", "\"x\", *", new string('"', 3000)]),
            ("If-Modified-Since", ["x", "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 99 Jan 9999 99:99:99 GMT"]),
            ("Range", ["bytes=0-0", "bytes=-1", "bytes=9-1", "x", "bytes=0-,0-,0-,0-"]),
            ("Expect", ["100-continue", "x"]),
            ("Content-Encoding", ["gzip", "br", "x", "identity"]),
            ("Content-Language", ["xx"]),
            ("Content-Type", ContentTypes),
            ("MCP-Protocol-Version", ["2025-11-25", "2025-06-18", "2026-07-28", "1900-01-01", "", "x", "é", "2025-11-25, 2025-06-18", new string('2', 3000)]),
            ("Mcp-Session-Id", ["x", "", "00000000-0000-0000-0000-000000000000", "é", new string('s', 3000)]),
            ("Mcp-Method", ["tools/call", "ping", "", "é", "x"]),
            ("Mcp-Name", ["echo", "", "=?base64?!?=", "=?base64?ZWNobw==?=", "=?base64?//79?=", "é"]),
            ("Last-Event-ID", ["1", "", "é"]),
            ("Access-Control-Request-Method", ["POST", "GET", "x", "", "é"]),
            ("Access-Control-Request-Headers", ["authorization", "", "é", "x,,y", new string('h', 3000)]),
            ("Access-Control-Request-Private-Network", ["true"]),
            ("Sec-Fetch-Site", ["cross-site", "same-origin", "none", "x"]),
            ("Upgrade", ["websocket", "h2c", "x"]),
            ("traceparent", ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-0-0-0", "x", "é"]),
            ("tracestate", ["x=y", "é"]),
            ("baggage", ["a=b", "é=%00"]),
            ("Referer", ["x", "é", "https://evil.example/?code=x"]),
            ("User-Agent", ["x", "é", "", new string('u', 5000), new string('u', 199) + "\u00f0\u009f\u0098\u0080"]),
        };
        for (var count = random.Next(0, 5); count > 0; count--)
        {
            var (name, values) = pick[random.Next(pick.Length)];
            var times = random.Next(8) == 0 ? 2 : 1; // duplicated
            for (var time = 0; time < times; time++)
            {
                // As bytes of UTF-8: what is written is Latin-1.
                yield return (name, Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(Choose(random, values))).Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal));
            }
        }
    }

    /// <summary>A body of any kind.</summary>
    public static byte[] Body(Random random) => random.Next(12) switch
    {
        0 => [],
        1 => Bytes(Form(random, ["grant_type", "code", "client_id", "refresh_token", "token", "redirect_uri", "resource", "scope", "username", "provider", "decision", "request"])),
        2 => Bytes("grant_type=client_credentials&grant_type=password"),
        3 => Bytes("%=%&=&&&%zz=%zz"),
        4 => [.. Bytes("token="), 0xC0, 0x80, 0xFF, 0xFE],
        5 => Bytes(string.Join('&', Enumerable.Range(0, 3000).Select(i => $"k{i}=v"))),
        6 => Bytes(new string('k', 5000) + "=v"),
        7 => Bytes("--x\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nv\r\n--x--\r\n"),
        8 => Bytes("--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"\0\"\r\nContent-Type: é\r\n\r\nv"),
        9 => Bytes(Choose(random, Json)),
        10 => Bytes($"{{\"jsonrpc\":\"2.0\",\"id\":{Choose(random, Json)},\"method\":\"initialize\",\"params\":{Choose(random, Json)}}}"),
        _ => RandomBytes(random),
    };

    public static string Form(Random random, string[] names)
    {
        var parts = new List<string>();
        for (var count = random.Next(1, 8); count > 0; count--)
        {
            parts.Add($"{Choose(random, names)}={Escape(Choose(random, Texts))}");
        }

        return string.Join('&', parts);
    }

    /// <summary>Percent-encoded, half surrogates too (as three bytes that no UTF-8 has).</summary>
    public static string Escape(string text) => string.Concat(text.Select((character, at) =>
        char.IsSurrogate(character) && !(char.IsHighSurrogate(character) ? at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]) : at > 0 && char.IsHighSurrogate(text[at - 1]))
            ? "%ED%A0%80"
            : char.IsHighSurrogate(character) ? Uri.EscapeDataString(text.AsSpan(at, 2)) : char.IsLowSurrogate(character) ? "" : Uri.EscapeDataString(character.ToString())));

    public static T Choose<T>(Random random, IReadOnlyList<T> values) => values[random.Next(values.Count)];

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] RandomBytes(Random random)
    {
        var bytes = new byte[random.Next(1, 400)];
        random.NextBytes(bytes);
        return bytes;
    }

    private static string Nested(int depth) => new string('[', depth) + new string(']', depth);

    private static IEnumerable<string> Jwts()
    {
        foreach (var header in new[] { "{}", "{\"alg\":\"none\"}", "{\"alg\":\"ES256\",\"kid\":\"a\\nb\",\"typ\":\"at+jwt\"}", "{\"alg\":1,\"kid\":[]}", "[]", "{\"alg\":\"ES256\",\"kid\":\"\\ud800\"}", "x" })
        {
            foreach (var payload in new[] { "{}", "{\"iss\":\"x\\ny\",\"sub\":\"\\ud800\",\"exp\":1e400}", "{\"iss\":1,\"aud\":{},\"exp\":\"x\"}", "{\"iss\":\"http://localhost\",\"aud\":[1,null],\"exp\":99999999999999}", "null" })
            {
                yield return $"{Part(header)}.{Part(payload)}.{Part("sig")}";
            }
        }
    }

    private static string Part(string json) => Convert.ToBase64String(Encoding.UTF8.GetBytes(json)).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}
