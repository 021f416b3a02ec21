using System.Security.Cryptography.X509Certificates;

namespace McpIdentity.Server.Hosting;

/// <summary>A certificate in files, by the ways in which Kestrel reads them: PKCS#12 with a password, or PEM with a key beside it.</summary>
/// <param name="Setting">The section that names them, for messages.</param>
/// <param name="Path">The certificate, with those of its authorities behind it.</param>
/// <param name="KeyPath">Null where the key is in the same file.</param>
/// <param name="Password">Of the file, or of the key.</param>
internal sealed record CertificateFile(string Setting, string Path, string? KeyPath, string? Password)
{
    /// <returns>Null where the section names no file: Kestrel knows certificates of the system's store too.</returns>
    public static CertificateFile? In(IConfigurationSection certificate, string contentRoot) => certificate["Path"] is not { Length: > 0 } path ? null : new(
        certificate.Path,
        System.IO.Path.Combine(contentRoot, path),
        certificate["KeyPath"] is { Length: > 0 } key ? System.IO.Path.Combine(contentRoot, key) : null,
        certificate["Password"]);

    /// <summary>The certificate, with its key where the files have it.</summary>
    public X509Certificate2 Load() =>
        KeyPath is null ? X509Certificate2.GetCertContentType(Path) == X509ContentType.Pkcs12
            ? X509CertificateLoader.LoadPkcs12FromFile(Path, Password)
            : X509CertificateLoader.LoadCertificateFromFile(Path)
        : string.IsNullOrEmpty(Password) ? X509Certificate2.CreateFromPemFile(Path, KeyPath)
        : X509Certificate2.CreateFromEncryptedPemFile(Path, Password, KeyPath);

    /// <summary>Everything in the file, so that clients see how the certificate leads to an authority that they know.</summary>
    public X509Certificate2Collection LoadChain()
    {
        if (KeyPath is null)
        {
            return X509CertificateLoader.LoadPkcs12CollectionFromFile(Path, Password);
        }

        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(Path);
        return chain;
    }

    /// <summary>Another one says that the files are others. A symbolic link is followed: Kubernetes replaces a secret by one.</summary>
    public string Version() => string.Join(' ', new[] { Path, KeyPath ?? Path }.Select(path =>
    {
        var target = File.Exists(path) ? new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true) ?? new FileInfo(path) : null;
        return target is FileInfo file ? $"{file.FullName} {file.Length} {file.LastWriteTimeUtc.Ticks}" : "";
    }));
}
