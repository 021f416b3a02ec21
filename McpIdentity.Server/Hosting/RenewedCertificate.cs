using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace McpIdentity.Server.Hosting;

/// <summary>
/// Shows with each new connection the certificate that is in the file now: certificates last for weeks, and a server longer.
/// Kestrel would watch the file, but only for <c>Kestrel:Endpoints</c>, not through a symbolic link, and with one of the few
/// watches that a user has (inotify). To look at a file costs a handshake nothing.
/// </summary>
internal sealed partial class RenewedCertificate(CertificateFile file, ILogger<RenewedCertificate> logger)
{
    private readonly Lock _reading = new();
    private string? _version;
    private SslStreamCertificateContext? _context;

    public void Show(SslServerAuthenticationOptions tls)
    {
        // What Kestrel read at the start stays where nothing could be read since.
        tls.ServerCertificateContext = Current() ?? tls.ServerCertificateContext;
    }

    private SslStreamCertificateContext? Current()
    {
        lock (_reading)
        {
            try
            {
                var version = file.Version();
                if (version != _version)
                {
                    var isRenewed = _version is not null;
                    _version = version;
                    _context = Read(isRenewed);
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
            {
                // Certificate and key are two files: between the two writes they do not fit, and with the second the version is another.
                LogUnusable(logger, file.Path, exception.Message);
            }

            return _context;
        }
    }

    private SslStreamCertificateContext Read(bool isRenewed)
    {
        var certificate = file.Load();
        if (OperatingSystem.IsWindows())
        {
            // Its TLS takes no key that is in memory alone.
            certificate = X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
        }

        if (isRenewed)
        {
            LogRenewed(logger, file.Path, certificate.NotAfter.ToUniversalTime());
        }

        // Offline: no handshake waits for an authority's server.
        return SslStreamCertificateContext.Create(certificate, file.LoadChain(), offline: true);
    }

    [LoggerMessage(1414, LogLevel.Information, "The certificate {Path} is a new one: it is shown from now on, and is good until {NotAfter:u}.")]
    private static partial void LogRenewed(ILogger logger, string path, DateTime notAfter);

    [LoggerMessage(1415, LogLevel.Warning, "The certificate {Path} has changed and cannot be used: {Problem} The one before it is shown until it can.")]
    private static partial void LogUnusable(ILogger logger, string path, string problem);
}
