using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Policy;

/// <summary>The file of <c>Policy:File</c>, as it stands there at the moment.</summary>
internal static class PolicyFile
{
    public static PolicyOptions Read(string path)
    {
        try
        {
            return PolicyDocument.Parse(PolicyDocument.File, File.ReadAllBytes(path));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return PolicyDocument.Unreadable(PolicyDocument.File, exception.Message);
        }
    }
}
