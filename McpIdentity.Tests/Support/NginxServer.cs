using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace McpIdentity.Tests.Support;

/// <summary>A real reverse proxy before one or more servers, with TLS where a test wants it.</summary>
internal sealed class NginxServer : IAsyncDisposable
{
    private static readonly ConcurrentDictionary<string, byte> Certificates = [];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mcpidentity-nginx-");
    private readonly bool _tls;
    private ChildProcess? _process;

    private NginxServer(bool tls) => _tls = tls;

    public int Port { get; } = Ports.Next();

    /// <summary>What a browser or client sees: <c>https://localhost:port</c> with TLS.</summary>
    public string BaseUrl => $"{(_tls ? "https" : "http")}://localhost:{Port}";

    public string Output => _process?.Output ?? "";

    private string Config => InFolder("nginx.conf");

    /// <param name="upstreams">Base addresses, asked in turn. They need not answer yet.</param>
    /// <param name="tls">With a certificate for localhost that only <see cref="IsItsCertificate"/> trusts.</param>
    /// <param name="besideUpstream">Lines beside the upstream, whose name is <c>servers</c>.</param>
    /// <param name="besideLocation">Lines beside the location of everything.</param>
    public static async Task<NginxServer> StartAsync(IReadOnlyCollection<string> upstreams, bool tls = false, string besideUpstream = "", string besideLocation = "")
    {
        var server = new NginxServer(tls);
        try
        {
            if (tls)
            {
                server.WriteCertificate();
            }

            await File.WriteAllTextAsync(server.Config, server.Configuration(upstreams, besideUpstream, besideLocation));
            await server.StartAgainAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>The proxy of docker-compose.yml, <c>deploy/nginx.conf</c> as it is shipped, before servers on these ports.</summary>
    public static async Task<NginxServer> StartShippedAsync(int first, int second)
    {
        var server = new NginxServer(tls: true);
        try
        {
            WriteCertificate(server.InFolder("tls_certificate"), server.InFolder("tls_key"));
            var shipped = await File.ReadAllTextAsync(Repository.PathOf("deploy", "nginx.conf"));
            // "server-a:8082 resolve" needs Docker's resolver; master_process, so that a kill leaves no worker behind.
            await File.WriteAllTextAsync(server.Config, "daemon off;\nmaster_process off;\n" + shipped
                .Replace("server-a:8082 resolve", $"127.0.0.1:{first}", StringComparison.Ordinal).Replace("server-b:8082 resolve", $"127.0.0.1:{second}", StringComparison.Ordinal)
                .Replace("listen 8443", $"listen 127.0.0.1:{server.Port}", StringComparison.Ordinal).Replace("listen 8080", $"listen 127.0.0.1:{Ports.Next()}", StringComparison.Ordinal)
                .Replace("/tmp/", server._folder.FullName + "/", StringComparison.Ordinal).Replace("/run/secrets/", server._folder.FullName + "/", StringComparison.Ordinal)
                .Replace("access_log /dev/stdout paths", $"access_log {server.InFolder("access.log")} paths", StringComparison.Ordinal));
            await server.StartAgainAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Whether a server of this test run made the certificate.</summary>
    public static bool IsItsCertificate(X509Certificate? certificate) => certificate is not null && Certificates.ContainsKey(certificate.GetCertHashString());

    /// <summary>A new self-signed certificate for localhost and its key, as PEM files.</summary>
    public static void WriteCertificate(string certificatePath, string keyPath)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddHours(-1), now.AddDays(1));
        Certificates[certificate.GetCertHashString()] = 0;
        File.WriteAllText(certificatePath, certificate.ExportCertificatePem());
        File.WriteAllText(keyPath, key.ExportPkcs8PrivateKeyPem());
    }

    public async Task StartAgainAsync()
    {
        _process = ChildProcess.Start("/usr/sbin/nginx", ["-p", _folder.FullName, "-c", Config, "-e", "stderr"], _folder.FullName);
        await _process.WaitUntilAsync(AcceptsAsync, "nginx");
    }

    public async Task StopAsync()
    {
        if (_process is not null)
        {
            await _process.StopAsync();
        }
    }

    public async Task KillAsync()
    {
        if (_process is not null)
        {
            await _process.KillAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }

    private string InFolder(string name) => Path.Combine(_folder.FullName, name);

    private async Task<bool> AcceptsAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var connection = new TcpClient();
            await connection.ConnectAsync("127.0.0.1", Port, cancellationToken);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private void WriteCertificate() => WriteCertificate(InFolder("tls.crt"), InFolder("tls.key"));

    // One process, so that a kill leaves no worker behind; a server that is back gets requests at once. Forwarded headers as docs and proxies commonly set them.
    private string Configuration(IEnumerable<string> upstreams, string besideUpstream, string besideLocation) => $$"""
        daemon off;
        master_process off;
        pid {{InFolder("nginx.pid")}};
        events { worker_connections 1024; }
        http {
            access_log {{InFolder("access.log")}};
            client_body_temp_path {{InFolder("body")}};
            proxy_temp_path {{InFolder("proxy")}};
            fastcgi_temp_path {{InFolder("fastcgi")}};
            uwsgi_temp_path {{InFolder("uwsgi")}};
            scgi_temp_path {{InFolder("scgi")}};
            upstream servers {
                {{string.Join("\n        ", upstreams.Select(upstream => $"server {new Uri(upstream).Authority.Replace("localhost", "127.0.0.1", StringComparison.Ordinal)} max_fails=0;"))}}
                keepalive 32;
            }
            {{besideUpstream}}
            server {
                {{besideLocation}}
                listen 127.0.0.1:{{Port}}{{(_tls ? " ssl" : "")}};
                {{(_tls ? $"ssl_certificate {InFolder("tls.crt")};\n        ssl_certificate_key {InFolder("tls.key")};" : "")}}
                location / {
                    proxy_pass http://servers;
                    proxy_http_version 1.1;
                    proxy_buffering off;
                    proxy_buffer_size 16k;
                    proxy_buffers 8 16k;
                    proxy_set_header Connection "";
                    proxy_set_header Host $http_host;
                    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                    proxy_set_header X-Forwarded-Proto $scheme;
                    proxy_set_header X-Forwarded-Host $http_host;
                }
            }
        }
        """;
}
