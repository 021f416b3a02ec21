using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Xml;
using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Pages;

/// <summary>
/// An image of the operator's, a provider's icon or the organisation's logo: read once, at the start, and served from our own
/// address, so that no page asks another server for anything.
/// </summary>
/// <param name="Address">Changes with the bytes, so that a browser may keep what is there for good.</param>
/// <param name="ContentType">What the bytes are, whatever the file is called.</param>
/// <param name="Bytes">The file.</param>
internal sealed record ServedImage(string Address, string ContentType, byte[] Bytes)
{
    /// <summary>A logo has a few kilobytes; each page carries it.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <param name="setting">Which setting names the file, for the message.</param>
    /// <param name="path">The file.</param>
    /// <param name="image">The image, where there is no problem.</param>
    /// <returns>What is wrong with it, in one sentence, or null.</returns>
    public static string? Read(string setting, string path, out ServedImage? image)
    {
        image = null;
        try
        {
            using var file = File.OpenRead(path);
            var bytes = new byte[MaxBytes + 1];
            var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (length > MaxBytes)
            {
                return $"{setting}: {path} has more than {MaxBytes / 1024} KiB; an image in that place is small.";
            }

            Array.Resize(ref bytes, length);
            if (KindOf(bytes) is not var (extension, type))
            {
                return $"{setting}: {path} is no image that browsers show: PNG, SVG, JPEG, WebP or GIF.";
            }

            image = new ServedImage($"{Paths.Images}/{Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 12))}.{extension}", type, bytes);
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return $"{setting}: {path} cannot be read: {exception.Message}";
        }
    }

    private static (string Extension, string ContentType)? KindOf(ReadOnlySpan<byte> bytes) =>
        bytes is [0x89, ..] && bytes[1..].StartsWith("PNG\r\n\x1a\n"u8) ? ("png", "image/png")
        : bytes is [0xff, 0xd8, 0xff, ..] ? ("jpg", "image/jpeg")
        : bytes.StartsWith("GIF87a"u8) || bytes.StartsWith("GIF89a"u8) ? ("gif", "image/gif")
        : bytes.Length >= 12 && bytes.StartsWith("RIFF"u8) && bytes[8..].StartsWith("WEBP"u8) ? ("webp", "image/webp")
        : IsSvg(bytes) ? ("svg", "image/svg+xml")
        : null;

    private static bool IsSvg(ReadOnlySpan<byte> bytes)
    {
        try
        {
            // Drawing programs write a document type, of which nothing is read.
            using var reader = XmlReader.Create(new MemoryStream(bytes.ToArray()), new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore, XmlResolver = null });
            return reader.MoveToContent() == XmlNodeType.Element && reader is { LocalName: "svg", NamespaceURI: "http://www.w3.org/2000/svg" };
        }
        catch (XmlException)
        {
            return false;
        }
    }
}

/// <summary>The images that our pages show.</summary>
internal sealed class ServedImages
{
    private readonly Dictionary<string, ServedImage> _byAddress = new(StringComparer.Ordinal);

    /// <summary>Serves an image from now on. At the start, before the first request.</summary>
    /// <param name="setting">Which setting names the file.</param>
    /// <param name="path">The file, which the rules of its setting have looked at.</param>
    /// <returns>The address for a page; null where no file is named.</returns>
    public string? Serve(string setting, string? path)
    {
        if (string.IsNullOrEmpty(path))
        {
            return null;
        }

        if (ServedImage.Read(setting, path, out var image) is { } problem)
        {
            throw new InvalidOperationException(problem);
        }

        _byAddress[image!.Address] = image;
        return image.Address;
    }

    public bool TryGet(string address, [NotNullWhen(true)] out ServedImage? image) => _byAddress.TryGetValue(address, out image);
}

internal static class ServedImagesSetup
{
    public static void MapImages(this WebApplication app) => app.Map($"{Paths.Images}/{{name}}", IResult (HttpContext http, ServedImages images, string name) =>
    {
        if (!images.TryGet($"{Paths.Images}/{name}", out var image))
        {
            return OAuthError.NotFound("There is no such image.");
        }

        // An SVG may hold script: opened by itself it is nobody's page, and runs nothing.
        http.Response.Headers.ContentSecurityPolicy = "default-src 'none'; sandbox";
        http.Response.Headers.CacheControl = "public, max-age=31536000, immutable";
        return TypedResults.Bytes(image.Bytes, image.ContentType);
    }).WithAddress(new AddressAttribute(Reader.Programs, "GET HEAD") { AllowsHttp = true, WithoutOAuth = true });
}
