namespace McpIdentity.Server.Settings;

/// <summary>
/// A file of <c>NAME=value</c> lines by the rules of Node's dotenv, whose files these are. Nothing is expanded: a
/// <c>$</c> in a secret is a dollar sign, where .NET's packages for such files would replace it (SEED-068).
/// </summary>
internal static class EnvFile
{
    private const UnixFileMode OthersMayRead = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    public static Dictionary<string, string> Read(string path, ConfigurationProblems problems)
    {
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & OthersMayRead) != 0)
        {
            problems.Warn($"{path} holds secrets and others on this machine may read it: chmod 600 {Path.GetFileName(path)}");
        }

        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        var number = 0;
        foreach (var line in LinesOf(path, problems))
        {
            number++;
            var text = line.Trim();
            if (text.Length == 0 || text[0] == '#')
            {
                continue;
            }

            if (text.StartsWith("export ", StringComparison.Ordinal))
            {
                text = text["export ".Length..].TrimStart();
            }

            var equals = text.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0 || ValueOf(text[(equals + 1)..].Trim()) is not { } value)
            {
                // Never the line itself: it may hold half a secret.
                problems.Add($"{path}, line {number} is not of the form NAME=value, or a quotation mark is missing.");
                continue;
            }

            values[text[..equals].TrimEnd()] = value;
        }

        return values;
    }

    private static string[] LinesOf(string path, ConfigurationProblems problems)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A container engine makes a folder where the file that it is to mount does not exist.
            problems.Add($"{path} cannot be read: {(Directory.Exists(path) ? "it is a folder, and must be a file." : exception.Message)}");
            return [];
        }
    }

    private static string? ValueOf(string text)
    {
        if (text is not ['"' or '\'' or '`', ..])
        {
            // Only after a space: a # inside a password is part of it.
            var comment = text.StartsWith('#') ? 0 : text.IndexOf(" #", StringComparison.Ordinal);
            return (comment < 0 ? text : text[..comment]).TrimEnd();
        }

        var end = text.IndexOf(text[0], 1);
        if (end < 0 || text[(end + 1)..].TrimStart() is { Length: > 0 } rest && rest[0] != '#')
        {
            return null;
        }

        var value = text[1..end];
        return text[0] == '"' ? value.Replace("\\n", "\n", StringComparison.Ordinal).Replace("\\r", "\r", StringComparison.Ordinal) : value;
    }
}
