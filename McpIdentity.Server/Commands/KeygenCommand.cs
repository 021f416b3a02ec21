using System.CommandLine;
using System.Security.Cryptography;

namespace McpIdentity.Server.Commands;

/// <summary><c>keygen</c>: a key for <c>ENCRYPTION_KEY</c> or <c>JWT_SECRET</c> (SEED-077).</summary>
internal static class KeygenCommand
{
    public static Command Create() => CommandLine.Verb("keygen", "Prints 32 random bytes as 64 hexadecimal digits, for ENCRYPTION_KEY.", "keygen > encryption_key", (_, _, _) =>
    {
        Console.WriteLine(RandomNumberGenerator.GetHexString(64, lowercase: true));
        return Task.FromResult(0);
    });
}
