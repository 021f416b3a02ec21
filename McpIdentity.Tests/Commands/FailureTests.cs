using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Connections;
using Microsoft.Data.Sqlite;
using Npgsql;
using StackExchange.Redis;

namespace McpIdentity.Tests.Commands;

/// <summary>Whatever stops a start or a verb is told in a line that names the setting, with exit code 1 and no stack.</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.All)]
internal sealed class FailureTests
{
    private const string Key = "--OAuth:EncryptionKey=a test key of more than thirty-two characters";

    [TestCase("serve", "--Database:ConnectionString=Host=db.internal;Database=d;Username=u;Password=hunter22", "Database:Provider=Postgres")]
    [TestCase("migrate", "--Database:ConnectionString=Data Surce=x.db", "Database:ConnectionString cannot be read by Sqlite")]
    [TestCase("serve", "--Database:ConnectionString=nonsense", "Database:ConnectionString")]
    [TestCase("clients list", "--Database:ConnectionString=postgres://u:hunter22@h/d", "Database:Url")]
    [TestCase("serve", "--Database:ConnectionString=Data Source=a-file/x.db", "a-file' is a file and no folder")]
    [TestCase("serve", "--Database:ConnectionString=Data Source=a-file", "no SQLite database")]
    [TestCase("doctor", "--Database:ConnectionString=Data Source=.", "which is a folder")]
    [TestCase("serve", "--Kestrel:Certificates:Default:Path=/nowhere/tls.pfx", "Kestrel:Certificates:Default:Path names '/nowhere/tls.pfx', which does not exist")]
    [TestCase("config validate", "--Kestrel:Endpoints:web:Url=http://localhost:0x1", "Kestrel:Endpoints:web:Url")]
    [TestCase("serve", "--urls=localhost", "ASPNETCORE_URLS")]
    [TestCase("config validate", "--OAuth:SessionStorage:Type=File --OAuth:SessionStorage:FilePath=a-file/s.db", "OAuth:SessionStorage:FilePath (SESSION_FILE_PATH)")]
    [TestCase("config validate", "--Mcp:Path=/health", "Mcp:Path"), TestCase("config validate", "--Mcp:Path=/oauth/token", "Mcp:Path"), TestCase("serve", "--Logging:LogLevel:Default=loud", "Logging:LogLevel:Default is 'loud'")]
    [TestCase("config validate", "--OAuth:Providers:okta:ClientId=us --OAuth:Providers:okta:ClientSecret=s", "OAuth:Providers:okta:Issuer")]
    [TestCase("config validate", "--Database:Provider=Postgres", "Database:ConnectionString")]
    public async Task A_setting_that_cannot_work_is_named_by_every_verb(string verb, string setting, string message)
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("a-file"), "This is some text, and not the head of a database file.");
        await AssertFailsAsync(folder, [.. verb.Split(' '), Key, .. Regex.Split(setting, " (?=--)")], message);
    }

    [TestCase("appsettings.json", """{ "Server": { "Port": 8082, } "OAuth": {} }""", "appsettings.json")]
    [TestCase("appsettings.json", "", "appsettings.json")]
    [TestCase("appsettings.json", """{ "Server": { "Port": "80:82" } }""", "Server:Port (PORT) is '80:82'")]
    [TestCase(".env.oauth/", "", ".env.oauth cannot be read: it is a folder")]
    [TestCase("data", "", "OAuth:EncryptionKey (ENCRYPTION_KEY) is not set, and")]
    public async Task A_file_that_cannot_be_read_is_named(string name, string content, string message)
    {
        using var folder = new TemporaryFolder();
        if (name.EndsWith('/'))
        {
            await File.WriteAllTextAsync(folder.File("appsettings.json"), "{}");
            Directory.CreateDirectory(folder.File(name));
        }
        else
        {
            await File.WriteAllTextAsync(folder.File(name), content);
        }

        await AssertFailsAsync(folder, ["serve"], message);
    }

    // What no test can bring about on any machine, or not without waiting for it.
    private static IEnumerable<TestCaseData> Causes()
    {
        var refused = new SocketException((int)SocketError.ConnectionRefused);
        yield return Case("a transient fault, as EF Core wraps it", new InvalidOperationException("An exception has been raised that is likely due to a transient failure.", new NpgsqlException("Failed to connect to 10.0.0.1:5432", refused)), "DATABASE_URL");
        yield return Case("a database that does not answer", new NpgsqlException("Exception while reading from stream", new TimeoutException("Timeout during reading attempt")), "DATABASE_URL");
        yield return Case("a time-out by itself", new TimeoutException("The operation has timed out."), "DATABASE_URL");
        yield return Case("a wrong password", new PostgresException("password authentication failed for user \"id\"", "FATAL", "FATAL", PostgresErrorCodes.InvalidPassword), "DATABASE_URL");
        yield return Case("a right that is missing", new PostgresException("permission denied for schema public", "ERROR", "ERROR", PostgresErrorCodes.InsufficientPrivilege), "Database:MigrateOnStart");
        yield return Case("no connection left", new PostgresException("sorry, too many clients already", "FATAL", "FATAL", PostgresErrorCodes.TooManyConnections), "max_connections");
        yield return Case("a file of another user", new SqliteException("SQLite Error 8: 'attempt to write a readonly database'.", 8), "Database:ConnectionString");
        yield return Case("a folder of another user", new UnauthorizedAccessException("Access to the path '/app/data/x.db' is denied."), "/app/data/x.db");
        yield return Case("a port for root alone", new SocketException((int)SocketError.AccessDenied), "Server:Port (PORT)");
        yield return Case("the same, as Kestrel wraps it", new IOException("Failed to bind to address http://localhost:80.", new AggregateException(new SocketException((int)SocketError.AccessDenied))), "http://localhost:80");
        yield return Case("a port that is taken", new IOException("Failed to bind to address http://127.0.0.1:8082: address already in use.", new AddressInUseException("Address already in use")), "127.0.0.1:8082");
        yield return Case("an address of another machine", new SocketException((int)SocketError.AddressNotAvailable), "ASPNETCORE_URLS");
        yield return Case("a Redis that is away", new RedisException("It was not possible to connect to the redis server(s)."), "REDIS_HOST");
        yield return Case("a certificate with another password", new CryptographicException("The certificate data cannot be read with the provided password."), "Kestrel:Certificates");
        yield return Case("a session file", new StorageUnavailableException("The session file /x cannot be written.", new IOException("No space left on device")), "No space left");
        yield return Case("something of which nobody thought", new NotSupportedException("first line\nsecond line"), "NotSupportedException");

        static TestCaseData Case(string name, Exception exception, string message) => new TestCaseData(exception, message).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Causes))]
    public void A_cause_is_one_line_that_says_where_to_mend_it(Exception exception, string message)
    {
        Assert.That(Failures.Describe(exception), Does.Contain(message).And.Not.Contain("\n").And.Not.Contain("   at "));
    }

    private static async Task AssertFailsAsync(TemporaryFolder folder, string[] arguments, string message)
    {
        var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Folder = folder.Path, Arguments = arguments, Environment = new Dictionary<string, string?> { ["LOG_LEVEL"] = "error" } });

        Assert.That(exitCode, Is.EqualTo(1), output);
        Assert.That(output, Does.Contain(message).And.Not.Contain("   at ").And.Not.Contain("hunter22"));
        Assert.That(output.Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.Length.LessThanOrEqualTo(3), output);
    }
}
