using System.Net.Security;
using System.Net.Sockets;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Hosting;

/// <summary>A certificate lives for weeks, a server for longer: docs/production.md, "A certificate of the server's own".</summary>
[Category("Proxy")]
[Parallelizable(ParallelScope.All)]
internal sealed class CertificateTests
{
    // certbot puts new files under the old names; Kubernetes leads the folder of a secret elsewhere, by one symbolic link.
    [Test]
    public async Task A_renewed_one_is_shown_without_a_restart([Values("Kestrel:Certificates:Default", "Kestrel:Endpoints:web:Certificate")] string section, [Values] bool isMountedSecret)
    {
        using var folder = new TemporaryFolder();
        using TlsCertificate first = new(), second = new();
        var port = Ports.Next();
        await PublishAsync(first, "one");
        string[] settings = [$"Server:Port={port}", $"{section}:Path={folder.File("tls.crt")}", $"{section}:KeyPath={folder.File("tls.key")}"];
        await using var server = await TestServer.StartAsync(section.Contains("web", StringComparison.Ordinal) ? [.. settings, $"Kestrel:Endpoints:web:Url=https://localhost:{port}"] : settings);
        Assert.That(await ShownAsync(port), Is.EqualTo(first.Thumbprint));

        await PublishAsync(second, "two", meanwhile: async () => Assert.That(await ShownAsync(port), Is.EqualTo(first.Thumbprint), "the key is of none of the certificates that are there"));

        Assert.That(await ShownAsync(port), Is.EqualTo(second.Thumbprint));

        async Task PublishAsync(TlsCertificate certificate, string name, Func<Task>? meanwhile = null)
        {
            var place = isMountedSecret ? Directory.CreateDirectory(folder.File(name)).FullName : folder.Path;
            // Written now: a copy would keep the time of its original, and the two certificates were made at the same moment.
            await File.WriteAllBytesAsync(Path.Combine(place, "new.crt"), await File.ReadAllBytesAsync(certificate.CertificateFile));
            await File.WriteAllBytesAsync(Path.Combine(place, "new.key"), await File.ReadAllBytesAsync(certificate.KeyFile));
            File.Move(Path.Combine(place, "new.key"), Path.Combine(place, "tls.key"), overwrite: true);
            await (meanwhile?.Invoke() ?? Task.CompletedTask);
            File.Move(Path.Combine(place, "new.crt"), Path.Combine(place, "tls.crt"), overwrite: true);
            if (isMountedSecret)
            {
                // Not File.Move, which follows the link.
                File.Delete(folder.File("..data"));
                File.CreateSymbolicLink(folder.File("..data"), name);
                foreach (var file in new[] { "tls.key", "tls.crt" }.Where(file => !File.Exists(folder.File(file))))
                {
                    File.CreateSymbolicLink(folder.File(file), Path.Combine("..data", file));
                }
            }
        }
    }

    private static async Task<string> ShownAsync(int port)
    {
        using var client = new TcpClient("localhost", port);
        var shown = "";
        await using var tls = new SslStream(client.GetStream(), leaveInnerStreamOpen: false, (_, certificate, _, _) => (shown = certificate!.GetCertHashString()).Length > 0);
        await tls.AuthenticateAsClientAsync("localhost");
        return shown;
    }
}
