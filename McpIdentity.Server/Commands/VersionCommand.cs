using System.CommandLine;
using System.Reflection;
using System.Runtime.InteropServices;
using McpIdentity.Server.Persistence;

namespace McpIdentity.Server.Commands;

/// <summary><c>version</c>: what this is, and which schema it needs. It asks nothing and nobody.</summary>
internal static class VersionCommand
{
    public static Command Create() => CommandLine.Verb("version", "Prints the release, the runtime and the schema of the database that it needs.", "version -o json", async (parsed, _, _) =>
    {
        await Table.WriteOneAsync(parsed,
            ("version", typeof(VersionCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]),
            ("runtime", RuntimeInformation.FrameworkDescription), ("platform", RuntimeInformation.RuntimeIdentifier), ("schema", StoredSchema.KnownMigrations(isPostgres: false)[^1]));
        return ExitCode.Ok;
    }).With(Table.Output);
}
