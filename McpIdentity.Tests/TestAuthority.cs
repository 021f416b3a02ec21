using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace McpIdentity.Tests;

/// <summary>
/// A certificate authority that the servers within the test process trust, and those that are started with
/// <c>SSL_CERT_FILE</c>: hosts of the web are played over https, with the checks of the real thing.
/// </summary>
[SetUpFixture]
internal sealed class TestAuthority
{
    private static readonly DirectoryInfo Folder = Directory.CreateTempSubdirectory("mcpidentity-authority-");
    private static X509Certificate2? _certificate;

    /// <summary>For <c>SSL_CERT_FILE</c> and <c>NODE_EXTRA_CA_CERTS</c>.</summary>
    public static string CertificateFile => Path.Combine(Folder.FullName, "authority.pem");

    [OneTimeSetUp]
    public void Make()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        _certificate = request.CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(60));
        File.WriteAllText(CertificateFile, _certificate.ExportCertificatePem());
        // .NET's own copy of the environment is not what OpenSSL's part of it reads.
        _ = SetVariable("SSL_CERT_FILE", CertificateFile, overwrite: 1);
    }

    [OneTimeTearDown]
    public void Delete()
    {
        _certificate?.Dispose();
        Folder.Delete(recursive: true);
    }

    /// <summary>A certificate for these names and addresses, with its key.</summary>
    public static X509Certificate2 Issue(params string[] hosts) => Issue(TimeProvider.System.GetUtcNow().AddDays(1), hosts);

    /// <summary>The same, good until then.</summary>
    public static X509Certificate2 Issue(DateTimeOffset until, params string[] hosts)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={hosts[0]}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        foreach (var host in hosts)
        {
            if (IPAddress.TryParse(host, out var address))
            {
                names.AddIpAddress(address);
            }
            else
            {
                names.AddDnsName(host);
            }
        }

        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(_certificate!, TimeProvider.System.GetUtcNow().AddHours(-12), until, RandomNumberGenerator.GetBytes(8));
        return certificate.CopyWithPrivateKey(key);
    }

    [DllImport("libc", EntryPoint = "setenv"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetVariable([MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value, int overwrite);
}
