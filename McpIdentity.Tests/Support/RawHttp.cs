using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace McpIdentity.Tests.Support;

/// <summary>A request as it stands on the wire: HttpClient repairs or refuses much of what a stranger can send.</summary>
internal sealed record RawRequest(string Method, string Target)
{
    public List<(string Name, string Value)> Headers { get; init; } = [];

    public byte[]? Body { get; init; }

    /// <summary>Sent as Latin-1, so that a header can hold any byte.</summary>
    public byte[] ToBytes(int port)
    {
        var head = new StringBuilder($"{Method} {Target} HTTP/1.1\r\n");
        if (!Has("Host"))
        {
            head.Append(CultureInfo.InvariantCulture, $"Host: localhost:{port}\r\n");
        }

        foreach (var (name, value) in Headers)
        {
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        }

        if (Body is not null && !Has("Content-Length") && !Has("Transfer-Encoding"))
        {
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {Body.Length}\r\n");
        }

        return [.. Encoding.Latin1.GetBytes(head.Append("Connection: close\r\n\r\n").ToString()), .. Body ?? []];
    }

    public override string ToString() =>
        $"{Method} {Shorten(Target)} [{string.Join(" | ", Headers.Select(header => $"{header.Name}: {Shorten(header.Value)}"))}] {Shorten(Encoding.UTF8.GetString(Body ?? []))}"
            .Replace("\r", "\\r", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private bool Has(string name) => Headers.Any(header => header.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    private static string Shorten(string text) => text.Length > 300 ? $"{text[..300]}… ({text.Length})" : text;
}

/// <summary>An answer, taken apart. A status of 0: the server closed the connection without one.</summary>
internal sealed record RawResponse(int Status, ILookup<string, string> Headers, string Body)
{
    public string? Header(string name) => Headers[name].FirstOrDefault();
}

/// <summary>One request a connection, written and read byte by byte.</summary>
internal static class RawHttp
{
    private static readonly ILookup<string, string> NoHeaders = Array.Empty<string>().ToLookup(name => name);

    public static async Task<RawResponse> SendAsync(int port, RawRequest request)
    {
        using var client = new TcpClient(AddressFamily.InterNetwork);
        await client.ConnectAsync(IPAddress.Loopback, port);
        var stream = client.GetStream();
        using var answer = new MemoryStream();
        try
        {
            await stream.WriteAsync(request.ToBytes(port));
            await stream.CopyToAsync(answer);
        }
        catch (IOException)
        {
            // The server answered and hung up before it had read everything.
        }

        return Parse(answer.ToArray());
    }

    /// <summary>The status alone, as soon as it is there.</summary>
    public static async Task<int> StatusAsync(int port, RawRequest request)
    {
        using var client = new TcpClient(AddressFamily.InterNetwork);
        await client.ConnectAsync(IPAddress.Loopback, port);
        await client.GetStream().WriteAsync(request.ToBytes(port));
        var line = new byte["HTTP/1.1 429".Length];
        await client.GetStream().ReadExactlyAsync(line);
        return int.Parse(Encoding.ASCII.GetString(line).AsSpan(9), CultureInfo.InvariantCulture);
    }

    private static RawResponse Parse(byte[] answer)
    {
        var end = answer.AsSpan().IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            return new RawResponse(0, NoHeaders, "");
        }

        var lines = Encoding.Latin1.GetString(answer, 0, end).Split("\r\n");
        var headers = lines.Skip(1).Select(line => line.Split(':', 2)).ToLookup(pair => pair[0].Trim(), pair => pair[1].Trim(), StringComparer.OrdinalIgnoreCase);
        var body = answer.AsSpan(end + 4);
        return new RawResponse(
            int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture),
            headers,
            headers["Transfer-Encoding"].Any() ? Join(body) : Encoding.UTF8.GetString(body));
    }

    // RFC 9112 §7.1.
    private static string Join(ReadOnlySpan<byte> chunks)
    {
        using var whole = new MemoryStream();
        while (chunks.IndexOf("\r\n"u8) is var line and > 0
            && int.TryParse(Encoding.ASCII.GetString(chunks[..line]), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var size)
            && size > 0 && chunks.Length >= line + 2 + size)
        {
            whole.Write(chunks.Slice(line + 2, size));
            chunks = chunks[Math.Min(chunks.Length, line + 2 + size + 2)..];
        }

        return Encoding.UTF8.GetString(whole.ToArray());
    }
}
