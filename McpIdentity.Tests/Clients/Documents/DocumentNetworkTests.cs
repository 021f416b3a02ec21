using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Clients.Documents;

/// <summary>The same in a network of its own, where names resolve as an attacker likes and inner addresses have somebody who listens.</summary>
[Category("CIMD"), Category("SSRF"), Category("Slow")]
[NonParallelizable]
internal sealed class DocumentNetworkTests
{
    private const string Public = "93.184.216.34";
    private const string Resolver = "127.0.0.53";

    private static readonly string[] Inner = ["127.0.0.1", "10.0.0.1", "192.168.7.7", "169.254.169.254", "100.100.100.200", "::1", "fd00::1"];

    [Test]
    [Requirement("MCP-26")]
    public async Task No_name_leads_to_an_inner_address_however_it_resolves()
    {
        using var network = await NetworkNamespace.CreateAsync(
            $"{Public}/32", "10.0.0.1/32", "192.168.7.7/32", "169.254.169.254/32", "100.100.100.200/32", "fd00::1/128");
        if (network is null)
        {
            Assert.Ignore("A network namespace needs the rights of root.");
            return;
        }

        using var names = await NameServer.StartAsync(network, Resolver);
        var hits = 0;
        var canaries = new List<Socket>();
        foreach (var address in Inner)
        {
            canaries.Add(await network.ListenAsync(address, 443, socket => { Interlocked.Increment(ref hits); socket.Dispose(); }));
        }

        using var certificate = TestAuthority.Issue("good.example", "rebound.example", "redirecting.example", Public);
        var fetches = 0;
        canaries.Add(await network.ListenAsync(Public, 443, socket => { Interlocked.Increment(ref fetches); _ = ServeAsync(socket, certificate); }));
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("resolv.conf"), $"nameserver {Resolver}\noptions timeout:1 attempts:1\n");
        File.WriteAllText(folder.File("hosts"), "127.0.0.1 localhost\n");
        await using var server = await network.RunAsync(() => ServerProcess.Launch(new ServerStart
        {
            Before = $"mount --make-rprivate / && mount --bind {folder.File("resolv.conf")} /etc/resolv.conf && mount --bind {folder.File("hosts")} /etc/hosts",
            Arguments = ["--OAuth:ClientDocuments:FetchesPerHost=1000", "--OAuth:ClientDocuments:FetchesOfUnknown=1000"],
            Environment = new Dictionary<string, string?> { ["SSL_CERT_FILE"] = TestAuthority.CertificateFile },
        }));
        using var http = network.CreateClient();
        http.BaseAddress = new Uri(server.BaseUrl);
        await Until.TrueAsync(async () => await http.IsAnsweredAsync("/.well-known/oauth-authorization-server") || (server.ExitCode is not null ? throw new InvalidOperationException(server.Output) : false), "the server is ready");

        names.Names["good.example"] = [[Public]];
        names.Names["rebound.example"] = [[Public], ["127.0.0.1"]];
        names.Names["redirecting.example"] = [[Public]];
        var bad = Inner.Append("0.0.0.0").Append("::").Append("::ffff:127.0.0.1").Append("::ffff:10.0.0.1").Append("64:ff9b::127.0.0.1").Append("2002:7f00:1::").Append("127.0.0.2").ToArray();
        for (var i = 0; i < bad.Length; i++)
        {
            names.Names[$"bad{i}.example"] = [[bad[i]]];
            names.Names[$"both{i}.example"] = [[Public, bad[i]]];
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await AskAsync("good.example"), Is.EqualTo(HttpStatusCode.Found), "a host of the public internet is read: " + server.Output);
            Assert.That(await AskAsync("rebound.example"), Is.EqualTo(HttpStatusCode.Found), "the connection goes to the address that was judged");
            Assert.That(names.TimesAsked("rebound.example"), Is.EqualTo(1), "the name is asked for once");
            Assert.That(await AskAsync("redirecting.example"), Is.EqualTo(HttpStatusCode.BadRequest));
            Assert.That(fetches, Is.EqualTo(3));
            foreach (var name in names.Names.Keys.Where(name => name.StartsWith('b')))
            {
                Assert.That(await AskAsync(name), Is.EqualTo(HttpStatusCode.BadRequest), $"{name}: {string.Join(", ", names.Names[name][0])}");
                Assert.That(names.TimesAsked(name), Is.GreaterThan(0), name);
            }

            Assert.That(fetches, Is.EqualTo(3), "nor to the public address of a name that has an inner one beside");
            Assert.That(hits, Is.Zero);
        }

        canaries.ForEach(socket => socket.Dispose());

        async Task<HttpStatusCode> AskAsync(string host)
        {
            var client = OAuthClient.Of(http, $"https://{host}/client.json", null, "https://client.example/callback");
            using var answer = await http.GetAsync(client.AuthorizeUrl());
            return answer.StatusCode;
        }
    }

    private static async Task ServeAsync(Socket socket, System.Security.Cryptography.X509Certificates.X509Certificate2 certificate)
    {
        await using var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
        await tls.AuthenticateAsServerAsync(certificate);
        var host = "";
        using var reader = new StreamReader(tls, leaveOpen: true);
        while (await reader.ReadLineAsync() is { Length: > 0 } line)
        {
            host = line.StartsWith("Host: ", StringComparison.OrdinalIgnoreCase) ? line["Host: ".Length..] : host;
        }

        var body = $$"""{"client_id":"https://{{host}}/client.json","redirect_uris":["https://client.example/callback"]}""";
        await tls.WriteAsync(Encoding.ASCII.GetBytes(host == "redirecting.example"
            ? "HTTP/1.1 302 Found\r\nLocation: https://bad0.example/client.json\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            : $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}"));
        await tls.ShutdownAsync();
    }
}
