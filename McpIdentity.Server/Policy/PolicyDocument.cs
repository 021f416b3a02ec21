using System.Text.Json;
using System.Text.Unicode;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Policy;

/// <summary>Groups and rules in a document of their own: the file of <c>Policy:File</c>, and what an operator has applied.</summary>
internal static class PolicyDocument
{
    /// <summary>As the rules of <c>Policy:File</c> are named.</summary>
    public const string File = "policy file";

    /// <summary>As the rules of the version in force are named.</summary>
    public const string Stored = "stored policy";

    public const int MaxBytes = 1024 * 1024;

    /// <summary>Reads JSON, with comments and commas at the end as appsettings.json may have them. What is wrong stands in <see cref="PolicyOptions.Problems"/>.</summary>
    public static PolicyOptions Parse(string title, byte[] json)
    {
        if (json.Length > MaxBytes)
        {
            return TooLong(title, json.Length);
        }

        // What replaces the letters that it has not, as readers do, calls groups other names than their author.
        if (!Utf8.IsValid(json) || json.Contains((byte)0))
        {
            return Unreadable(title, "it is not UTF-8, as JSON is (RFC 8259 §8.1).");
        }

        try
        {
            using var stream = new MemoryStream(json);
            using var configuration = (ConfigurationRoot)new ConfigurationBuilder().AddJsonStream(stream).Build();
            return PolicyOptions.ReadFrom(configuration, title);
        }
        catch (Exception exception) when (exception is JsonException or FormatException or InvalidDataException or InvalidOperationException) // the last: half of a surrogate pair
        {
            return Unreadable(title, exception.GetBaseException().Message.ReplaceLineEndings(" "));
        }
    }

    public static PolicyOptions TooLong(string title, long bytes) => Unreadable(title, $"it has {bytes} bytes; {MaxBytes} at most.");

    /// <summary>One of which nothing is known but why.</summary>
    public static PolicyOptions Unreadable(string title, string why)
    {
        var nothing = PolicyOptions.ReadFrom(new ConfigurationManager(), title);
        nothing.Problems.Add($"{title} cannot be read: {why}");
        return nothing;
    }
}
