using System.Globalization;
using System.Text;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Fuzzing;

/// <summary>Somebody who sends what parses nearly: requests of each kind with one to several things wrong.</summary>
/// <param name="random">Of a fixed seed: what fails once fails again.</param>
/// <param name="cookie">Of somebody who is signed in; sent at times.</param>
/// <param name="accessToken">A good one; sent at times.</param>
internal sealed class Stranger(Random random, string cookie, string accessToken)
{
    public RawRequest Anything(string method, string path)
    {
        var target = string.Format(CultureInfo.InvariantCulture, Odd.Choose(random, Odd.Spellings), path) + Odd.Choose(random, Odd.Queries);
        var headers = Odd.Headers(random).ToList();
        if (random.Next(3) == 0)
        {
            headers.Add(("Cookie", cookie));
        }

        if (random.Next(3) == 0 && headers.All(header => header.Name != "Authorization"))
        {
            headers.Add(("Authorization", "Bearer " + accessToken));
        }

        var body = method is "GET" or "HEAD" && random.Next(5) > 0 ? null : Odd.Body(random);
        if (body is not null && random.Next(2) == 0 && headers.All(header => header.Name != "Content-Type"))
        {
            headers.Add(("Content-Type", Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(Odd.Choose(random, Odd.ContentTypes)))));
        }

        return new RawRequest(method, target) { Headers = headers, Body = body };
    }

    public RawRequest Registration(string[] members)
    {
        if (random.Next(20) == 0)
        {
            return Json("/register", Odd.Choose(random, Odd.Json));
        }

        var document = new List<string> { random.Next(3) > 0 ? """ "redirect_uris":["http://127.0.0.1/cb"] """ : """ "grant_types":["client_credentials"] """ };
        for (var count = random.Next(1, 5); count > 0; count--)
        {
            var value = random.Next(3) switch
            {
                0 => Odd.Choose(random, Odd.Json),
                1 => Quote(Odd.Choose(random, Odd.Texts)),
                _ => $"[{Quote(Odd.Choose(random, Odd.Texts))},{Quote("https://a.example/" + Odd.Choose(random, Odd.Texts))},{Quote("https://a.example/?" + Odd.Choose(random, ["iss=x", "%69ss=x", "a=b&iss", "code=x", "state=x", "error=x", "ISS=x", "a=b"]))}]",
            };
            document.Add($"\"{Odd.Choose(random, members)}\":{value}");
        }

        return Json("/register", $"{{{string.Join(',', document)}}}");
    }

    public RawRequest Message()
    {
        string[] methods = ["initialize", "ping", "tools/list", "tools/call", "prompts/list", "prompts/get", "resources/list", "resources/read", "resources/templates/list", "resources/subscribe", "completion/complete", "logging/setLevel", "server/discover",
            "notifications/initialized", "notifications/cancelled", "notifications/progress", "notifications/x", "tasks/get", "tasks/list", "tasks/cancel", "tasks/result", "sampling/createMessage", "elicitation/create", "roots/list", "x", "a\nb", ""];
        var method = Odd.Choose(random, methods);
        Dictionary<string, string> members = new()
        {
            ["protocolVersion"] = "\"2025-11-25\"",
            ["capabilities"] = "{}",
            ["clientInfo"] = """{"name":"x\ny","version":"1"}""",
            ["name"] = "\"echo\"",
            ["arguments"] = """{"message":"x"}""",
            ["_meta"] = "{}",
            ["uri"] = "\"x\"",
            ["cursor"] = "\"x\"",
            ["level"] = "\"info\"",
            ["requestId"] = "1",
            ["progressToken"] = "1",
            ["ref"] = """{"type":"ref/prompt","name":"x"}""",
            ["argument"] = """{"name":"x","value":"y"}""",
            ["taskId"] = "\"x\"",
            ["task"] = """{"ttl":1}""",
        };
        for (var count = random.Next(0, 3); count > 0; count--)
        {
            members[Odd.Choose(random, members.Keys.ToList())] = random.Next(4) switch
            {
                0 => Quote(Odd.Choose(random, Odd.Texts)),
                1 => """{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"x"}}""",
                2 => $"{{\"name\":{Odd.Choose(random, Odd.Json)},\"version\":{Odd.Choose(random, Odd.Json)},\"message\":{Odd.Choose(random, Odd.Json)}}}",
                _ => Odd.Choose(random, Odd.Json),
            };
        }

        foreach (var name in members.Keys.Where(_ => random.Next(12) == 0).ToList())
        {
            members.Remove(name);
        }

        var parameters = random.Next(10) == 0 ? Odd.Choose(random, Odd.Json) : $"{{{string.Join(',', members.Select(member => $"\"{member.Key}\":{member.Value}"))}}}";
        var id = random.Next(6) switch { 0 => "", 1 => $"\"id\":{Odd.Choose(random, Odd.Json)},", 2 => $"\"id\":{Quote(Odd.Choose(random, Odd.Texts))},", _ => "\"id\":1," };
        var version = random.Next(15) == 0 ? Odd.Choose(random, Odd.Json) : "\"2.0\"";
        var message = random.Next(25) switch
        {
            0 => $"{{\"jsonrpc\":{version},{id}\"method\":{Odd.Choose(random, Odd.Json)},\"params\":{parameters}}}",
            1 => $"{{\"jsonrpc\":{version},{id}\"result\":{Odd.Choose(random, Odd.Json)}}}",
            2 => $"{{\"jsonrpc\":{version},{id}\"error\":{Odd.Choose(random, Odd.Json)}}}",
            3 => $"[{{\"jsonrpc\":\"2.0\",{id}\"method\":{Quote(method)},\"params\":{parameters}}}]",
            4 => $"{{\"jsonrpc\":{version},{id}\"method\":{Quote(method)}}}",
            5 => $"{{{id}\"method\":{Quote(method)},\"params\":{parameters}}}",
            _ => $"{{\"jsonrpc\":{version},{id}\"method\":{Quote(method)},\"params\":{parameters}}}",
        };
        var request = Json("/mcp", message);
        if (random.Next(3) > 0)
        {
            request.Headers.Add(("Authorization", "Bearer " + accessToken));
        }

        if (random.Next(2) == 0)
        {
            request.Headers.Add(("MCP-Protocol-Version", Odd.Choose(random, ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "1900-01-01", "x"])));
        }

        if (random.Next(2) == 0)
        {
            request.Headers.Add(("Accept", Odd.Choose(random, ["application/json, text/event-stream", "application/json", "text/event-stream"])));
        }

        if (random.Next(6) == 0)
        {
            request.Headers.AddRange(Odd.Headers(random).Where(header => header.Name != "Content-Type"));
        }

        return request;
    }

    public RawRequest Form(string path, Dictionary<string, string> good, string[] more, bool asQuery, string? cookies = null)
    {
        var fields = good.Select(field => (field.Key, Value: Odd.Escape(field.Value))).ToList();
        for (var count = random.Next(1, 4); count > 0; count--)
        {
            var value = Odd.Escape(Odd.Choose(random, Odd.Texts));
            switch (random.Next(5))
            {
                case 0 when fields.Count > 0:
                    fields.RemoveAt(random.Next(fields.Count));
                    break;
                case 1 or 2 when fields.Count > 0:
                    var at = random.Next(fields.Count);
                    fields[at] = (fields[at].Key, random.Next(3) == 0 ? fields[at].Value + value : value);
                    break;
                default:
                    fields.Add((random.Next(8) == 0 ? value : Odd.Choose(random, more), value));
                    break;
            }
        }

        var form = string.Join('&', fields.Select(field => $"{field.Key}={field.Value}"));
        var headers = new List<(string Name, string Value)>();
        if (cookies is not null || random.Next(2) == 0)
        {
            headers.Add(("Cookie", cookies ?? cookie));
        }

        if (random.Next(4) == 0)
        {
            headers.AddRange(Odd.Headers(random).Where(header => header.Name is not ("Content-Type" or "Cookie")));
        }

        if (asQuery)
        {
            return new RawRequest("GET", $"{path}?{form}") { Headers = headers };
        }

        headers.Add(("Content-Type", "application/x-www-form-urlencoded"));
        return new RawRequest("POST", path) { Headers = headers, Body = Odd.Bytes(form) };
    }

    private static RawRequest Json(string path, string body) => new("POST", path) { Headers = [("Content-Type", "application/json")], Body = Odd.Bytes(body) };

    // With half surrogates as escapes, which JsonSerializer would replace.
    private static string Quote(string text) => $"\"{string.Concat(text.Select(character =>
        char.IsSurrogate(character) || char.IsControl(character) || character is '"' or '\\' ? $"\\u{(int)character:x4}" : character.ToString()))}\"";
}
