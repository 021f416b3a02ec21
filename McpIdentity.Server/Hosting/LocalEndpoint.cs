using System.Net;
using System.Net.Sockets;

namespace McpIdentity.Server.Hosting;

/// <summary>Where a process on the same machine reaches the server: what ASP.NET Core listens on by the same settings.</summary>
/// <param name="Address">For a socket, with a host that only stands for it.</param>
/// <param name="Socket">The path of a Unix socket, or null.</param>
/// <param name="IsHttp2Only">Whether plain http is spoken as HTTP/2 alone.</param>
internal sealed record LocalEndpoint(string Address, string? Socket, bool IsHttp2Only)
{
    /// <summary>The one to ask: plain http before https, because a certificate may be asked for there.</summary>
    /// <exception cref="FormatException">An address cannot be read; see <see cref="ListeningRules"/>.</exception>
    public static LocalEndpoint From(IConfiguration configuration)
    {
        var urls = UrlsIn(configuration).ToList();
        var said = urls.Where(url => url.Url.Length > 0).Select(url => (Binding: BindingAddress.Parse(url.Url), url.IsHttp2Only))
            .OrderBy(url => url.Binding.Scheme == Uri.UriSchemeHttps).FirstOrDefault();
        return said.Binding switch
        {
            null => new($"{Listening.Scheme(configuration)}://localhost:{Listening.Port(configuration)}", null, false),
            { IsUnixPipe: true } socket => new($"{socket.Scheme}://localhost", socket.UnixPipePath, said.IsHttp2Only),
            var binding => new($"{binding.Scheme}://{HostOf(binding.Host)}:{binding.Port}", null, said.IsHttp2Only),
        };
    }

    /// <summary>What is configured, with the setting that says so: endpoints win over addresses, as in Kestrel.</summary>
    public static IEnumerable<(string Setting, string Url, bool IsHttp2Only)> UrlsIn(IConfiguration configuration)
    {
        var endpoints = configuration.GetSection("Kestrel:Endpoints").GetChildren().ToList();
        var everyProtocol = configuration["Kestrel:EndpointDefaults:Protocols"];
        return endpoints.Count > 0
            ? endpoints.Select(endpoint => ($"{endpoint.Path}:Url", endpoint["Url"]?.Trim() ?? "",
                string.Equals(endpoint["Protocols"] ?? everyProtocol, "Http2", StringComparison.OrdinalIgnoreCase)))
            : (configuration[WebHostDefaults.ServerUrlsKey] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Select(url => ("urls (ASPNETCORE_URLS)", url, string.Equals(everyProtocol, "Http2", StringComparison.OrdinalIgnoreCase)));
    }

    /// <summary>Asks there, whatever name the certificate is for.</summary>
    /// <param name="within">For each request.</param>
    public HttpClient CreateClient(TimeSpan within) => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        ConnectCallback = (context, cancellation) => ConnectAsync(context.DnsEndPoint, cancellation),
        // The name in the certificate is the public one, and nothing secret is sent.
        SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null },
    })
    {
        Timeout = within,
        BaseAddress = new Uri(Address),
        DefaultRequestVersion = IsHttp2Only ? HttpVersion.Version20 : HttpVersion.Version11,
        DefaultVersionPolicy = IsHttp2Only ? HttpVersionPolicy.RequestVersionExact : HttpVersionPolicy.RequestVersionOrLower,
    };

    /// <summary>Connects to the socket where there is one.</summary>
    private async ValueTask<Stream> ConnectAsync(DnsEndPoint host, CancellationToken cancellationToken)
    {
        var socket = Socket is null ? new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true } : new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(Socket is null ? host : new UnixDomainSocketEndPoint(Socket), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public override string ToString() => Socket is null ? Address : $"unix:{Socket}";

    // Kestrel takes a name that is no address for "every interface", whatever the name.
    private static string HostOf(string host) => IPAddress.TryParse(host.Trim('[', ']'), out var address) && !address.Equals(IPAddress.Any) && !address.Equals(IPAddress.IPv6Any)
        ? (address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : $"{address}")
        : "localhost";
}
