using System.Text.RegularExpressions;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Mcp;

/// <summary>The programs of docs/other-hosts.md, as they stand there.</summary>
internal static partial class OtherHosts
{
    /// <param name="language">That of the fence.</param>
    public static string Program(string language) =>
        Fence().Matches(File.ReadAllText(Repository.PathOf("docs", "other-hosts.md"))).Single(fence => fence.Groups[1].Value == language).Groups[2].Value;

    [GeneratedRegex(@"^```(\w+)\n(.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();
}
