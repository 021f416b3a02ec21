using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.XmlEncryption;

namespace McpIdentity.Server.Keys;

/// <summary>Keeps the DataProtection keys (cookies, antiforgery, pending requests) encrypted in the database.</summary>
internal sealed class DataProtectionEncryptor(EncryptionKeys encryption) : IXmlEncryptor
{
    internal const string Purpose = "data protection keys";
    internal const string Element = "encryptedKey";

    public EncryptedXmlInfo Encrypt(XElement plaintextElement) => new(
        new XElement(Element, encryption.Protect(Purpose, System.Text.Encoding.UTF8.GetBytes(plaintextElement.ToString(SaveOptions.DisableFormatting)))),
        typeof(DataProtectionDecryptor));
}

/// <summary>Named in each stored key; DataProtection makes it from the container.</summary>
internal sealed class DataProtectionDecryptor(IServiceProvider services) : IXmlDecryptor
{
    public XElement Decrypt(XElement encryptedElement)
    {
        var plaintext = services.GetRequiredService<EncryptionKeys>().Unprotect(DataProtectionEncryptor.Purpose, encryptedElement.Value)
            ?? throw new InvalidOperationException("A DataProtection key was stored under another encryption key.");
        return XElement.Parse(System.Text.Encoding.UTF8.GetString(plaintext));
    }
}
