using System.Security.Cryptography;

namespace McpIdentity.Server.Hosting;

/// <summary>What Kestrel would refuse when it begins to listen, said with the other problems of the settings: addresses and certificates.</summary>
internal static class ListeningRules
{
    public static IEnumerable<string> Check(IConfiguration configuration, string contentRoot)
    {
        foreach (var (setting, url, _) in LocalEndpoint.UrlsIn(configuration))
        {
            if (ProblemOf(url) is { } problem)
            {
                yield return $"{setting} is '{url}', {problem} Write an address such as http://localhost:8082, https://*:8443 or http://unix:/run/mcpidentity.sock.";
            }
        }

        var certificates = configuration.GetSection("Kestrel:Endpoints").GetChildren().SelectMany(endpoint => endpoint.GetSection("Sni").GetChildren().Prepend(endpoint))
            .Select(endpoint => endpoint.GetSection("Certificate")).Append(configuration.GetSection("Kestrel:Certificates:Default"));
        foreach (var problem in certificates.Select(certificate => CertificateFile.In(certificate, contentRoot)).OfType<CertificateFile>().Select(ProblemOf).OfType<string>())
        {
            yield return problem;
        }
    }

    /// <summary>What is wrong with an address to listen on, to be read after its name; null: nothing.</summary>
    public static string? ProblemOf(string url)
    {
        try
        {
            var address = BindingAddress.Parse(url);
            return address.Scheme is not ("http" or "https") ? "whose scheme is neither http nor https."
                : address is { IsUnixPipe: false, IsNamedPipe: false, Port: < 0 or > 65535 } ? "whose port is not between 1 and 65535."
                // Kestrel takes what it cannot read as an address for "every interface".
                : address is { IsUnixPipe: false, IsNamedPipe: false, Host: not ("*" or "+") } && Uri.CheckHostName(address.Host.Trim('[', ']')) == UriHostNameType.Unknown ? "whose host or port cannot be read."
                : address.PathBase.Trim('/').Length > 0 ? "which has a path: the server is at the root of its address."
                : null;
        }
        catch (Exception exception) when (exception is FormatException or InvalidOperationException or ArgumentException)
        {
            return "which is no address to listen on.";
        }
    }

    private static string? ProblemOf(CertificateFile certificate)
    {
        var (setting, path) = ($"{certificate.Setting}:Path", certificate.Path);
        foreach (var (named, file) in new[] { (setting, path), ($"{certificate.Setting}:KeyPath", certificate.KeyPath ?? path) })
        {
            if (!File.Exists(file))
            {
                return $"{named} names '{file}', which does not exist.";
            }
        }

        try
        {
            using var loaded = certificate.Load();
            return loaded.HasPrivateKey ? null : $"{setting} names '{path}', which holds a certificate without its private key: set {certificate.Setting}:KeyPath.";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return $"{setting} names '{path}', which cannot be read: {exception.Message}";
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            return $"{setting} names '{path}', which is no certificate, or {certificate.Setting}:KeyPath or Password does not belong to it: {exception.Message}";
        }
    }
}
