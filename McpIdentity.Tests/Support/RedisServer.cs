using System.Net.Sockets;

namespace McpIdentity.Tests.Support;

/// <summary>
/// A private Redis on a loopback port that writes every command to disk before it answers; the shared one, which nobody kills, keeps
/// everything in memory, so that a slow disk is not a Redis that hangs.
/// </summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private static readonly Lazy<Task<RedisServer>> TheShared = new(() => StartAsync(new RedisServer(password: null, tls: null, keeps: false)));

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mcpidentity-redis-");
    private readonly TlsCertificate? _tls;
    private readonly bool _keeps;
    private ChildProcess? _process;
    private int _databases = -1;

    private RedisServer(string? password, TlsCertificate? tls, bool keeps) => (Password, _tls, _keeps) = (password, tls, keeps);

    public int Port { get; } = Ports.Next();

    /// <summary>Where it speaks TLS alone, when it was given a certificate.</summary>
    public int TlsPort { get; } = Ports.Next();

    public string? Password { get; }

    public string Output => _process?.Output ?? "";

    /// <summary>One server for all tests of the run that neither stop nor reconfigure it; each takes a database of its own.</summary>
    public static async Task<RedisServer> SharedAsync()
    {
        Needs.Check(Needs.Redis);
        return await TheShared.Value;
    }

    public static Task<RedisServer> StartAsync(string? password = null, TlsCertificate? tls = null) => StartAsync(new RedisServer(password, tls, keeps: true));

    private static async Task<RedisServer> StartAsync(RedisServer server)
    {
        try
        {
            await server.StartAgainAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>The number of a database that no other test was given.</summary>
    public int NextDatabase() => Interlocked.Increment(ref _databases);

    /// <summary>In the form that StackExchange.Redis reads.</summary>
    public string ConnectionString(int database = 0) =>
        $"127.0.0.1:{Port},defaultDatabase={database}" + (Password is null ? "" : $",password={Password}");

    /// <summary>Starts with the data that the last run left.</summary>
    public async Task StartAgainAsync()
    {
        string[] arguments =
        [
            "--port", $"{Port}", "--bind", "127.0.0.1", "--dir", _folder.FullName, "--databases", "1000",
            "--save", "", "--appendonly", _keeps ? "yes" : "no", "--appendfsync", "always", .. Password is null ? (string[])[] : ["--requirepass", Password],
            .. _tls is null ? (string[])[] : ["--tls-port", $"{TlsPort}", "--tls-cert-file", _tls.CertificateFile, "--tls-key-file", _tls.KeyFile, "--tls-auth-clients", "no", "--tls-ca-cert-file", _tls.CertificateFile],
        ];
        _process = ChildProcess.Start("redis-server", arguments, _folder.FullName);
        await _process.WaitUntilAsync(AnswersAsync, "Redis");
    }

    /// <summary>Sends one command as a line of text and returns the first line of the answer.</summary>
    public async Task<string> AskAsync(string command, CancellationToken cancellationToken = default)
    {
        using var connection = new TcpClient();
        await connection.ConnectAsync("127.0.0.1", Port, cancellationToken);
        await using var stream = connection.GetStream();
        using var reader = new StreamReader(stream);
        await using var writer = new StreamWriter(stream) { NewLine = "\r\n", AutoFlush = true };
        if (Password is not null)
        {
            await writer.WriteLineAsync($"AUTH \"{Password}\"".AsMemory(), cancellationToken);
            await reader.ReadLineAsync(cancellationToken);
        }

        await writer.WriteLineAsync(command.AsMemory(), cancellationToken);
        var answer = await reader.ReadLineAsync(cancellationToken) ?? throw new IOException("Redis closed the connection.");
        if (answer is not ['$', >= '0' and <= '9', ..])
        {
            return answer;
        }

        var bulk = new char[int.Parse(answer.AsSpan(1), System.Globalization.CultureInfo.InvariantCulture)];
        await reader.ReadBlockAsync(bulk, cancellationToken);
        return new string(bulk);
    }

    /// <summary>Stops the process where it is: connections stay open, and nothing is answered.</summary>
    public void Hang() => _process?.Signal(ChildProcess.Pause);

    public void GoOn() => _process?.Signal(ChildProcess.Continue);

    public async Task StopAsync()
    {
        if (_process is not null)
        {
            await _process.StopAsync();
        }
    }

    public async Task KillAsync()
    {
        if (_process is not null)
        {
            await _process.KillAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }

    internal static async Task DisposeSharedAsync()
    {
        if (TheShared.IsValueCreated)
        {
            await (await TheShared.Value).DisposeAsync();
        }
    }

    private async Task<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await AskAsync("PING", cancellationToken) == "+PONG";
        }
        catch (Exception exception) when (exception is SocketException or IOException)
        {
            return false;
        }
    }
}
