using System.Globalization;

namespace McpIdentity.Server.Clients;

/// <summary>The two tables of Unicode that .NET does not bring.</summary>
internal static class UnicodeTable
{
    public static IEnumerable<string> Lines(string name)
    {
        using var stream = typeof(UnicodeTable).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return [.. reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => !line.StartsWith('#'))];
    }

    public static int Hex(string code) => int.Parse(code, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
