using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Policy;

/// <summary>The file of <c>Policy:File</c>, as it stands there at the moment.</summary>
internal static class PolicyFile
{
    public static PolicyOptions Read(string path)
    {
        byte[]? known = null;
        return ReadChanged(path, ref known)!;
    }

    /// <summary>The same, if it is another one: to read the same one again takes time, and would say the same.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="known">As it was read last; as it is now.</param>
    /// <returns>Null where it is what is known.</returns>
    public static PolicyOptions? ReadChanged(string path, ref byte[]? known)
    {
        byte[] json;
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > PolicyDocument.MaxBytes and var length })
            {
                known = null;
                return PolicyDocument.TooLong(PolicyDocument.File, length); // a log by mistake is not kept in memory
            }

            json = File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            known = null;
            return PolicyDocument.Unreadable(PolicyDocument.File, exception.Message);
        }

        if (known is not null && json.AsSpan().SequenceEqual(known))
        {
            return null;
        }

        known = json;
        return PolicyDocument.Parse(PolicyDocument.File, json);
    }
}
