using McpIdentity.Server.Settings;
using Microsoft.Data.Sqlite;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// The files of an SQLite database: names, e-mail addresses and hashes of secrets stand in them. SQLite gives its journal and
/// shared memory the mode of the database, so that it is enough to make that one private before SQLite makes it.
/// </summary>
internal static partial class SqliteFiles
{
    // The folder that is ours where nobody names another.
    private const string OwnFolder = "data";

    /// <summary>Makes folder and file, and closes to others what is there already.</summary>
    public static void Prepare(string connectionString, ILogger logger)
    {
        var database = new SqliteConnectionStringBuilder(connectionString);
        if (database is { DataSource: "" or ":memory:" } or { Mode: SqliteOpenMode.Memory or SqliteOpenMode.ReadOnly } || database.DataSource.StartsWith("file:", StringComparison.OrdinalIgnoreCase))
        {
            return;
        }

        var path = Path.GetFullPath(database.DataSource);
        var folder = Path.GetDirectoryName(path)!;
        PrivateFiles.CreateFolder(folder);
        if (folder == Path.GetFullPath(OwnFolder))
        {
            PrivateFiles.Close(folder);
        }

        if (!File.Exists(path))
        {
            using var made = PrivateFiles.Open(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
        }

        var open = Directory.EnumerateFiles(folder, Path.GetFileName(path) + "*").Where(file => !PrivateFiles.Close(file)).ToList();
        if (open.Count > 0)
        {
            FilesAreOpen(logger, string.Join(", ", open), Environment.UserName);
        }
        else if (PrivateFiles.IsOpenToOthers(folder))
        {
            FolderIsOpen(logger, folder);
        }
    }

    [LoggerMessage(1621, LogLevel.Warning, "Others on this machine may read {Files}, which do not belong to the user {User}: chmod 600.")]
    private static partial void FilesAreOpen(ILogger logger, string files, string user);

    [LoggerMessage(1622, LogLevel.Information, "Others on this machine may look into the folder {Folder}; the database's files are closed to them. chmod 700 if it is for this server alone.")]
    private static partial void FolderIsOpen(ILogger logger, string folder);
}
