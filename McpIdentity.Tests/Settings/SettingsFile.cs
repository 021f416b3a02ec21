using McpIdentity.Server;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace McpIdentity.Tests.Settings;

/// <summary>A server that is built and not started, from a folder with the operator's own files.</summary>
internal sealed class SettingsFile : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mcpidentity-settings-");
    private WebApplication? _app;

    /// <summary>Whether the command line has an encryption key.</summary>
    public bool HasKey { get; init; } = true;

    public string EnvFile => Path.Combine(_folder.FullName, ".env.oauth");

    public string InFolder(string name, string content)
    {
        var path = Path.Combine(_folder.FullName, name);
        File.WriteAllText(path, content);
        return path;
    }

    /// <param name="env">The lines of <c>.env.oauth</c>; a key for encryption is added.</param>
    /// <param name="settings">The command line.</param>
    public SettingsFile Build(string env, params string[] settings) => BuildIn("Development", env, settings);

    public SettingsFile BuildIn(string environment, string env, params string[] settings)
    {
        if (!File.Exists(EnvFile))
        {
            File.WriteAllText(EnvFile, env);
            SetMode(EnvFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        _app = Program.Build([
            $"--environment={environment}", $"--Server:EnvFile={EnvFile}", .. HasKey ? ["--OAuth:EncryptionKey=a test key of more than thirty-two characters"] : Array.Empty<string>(), .. settings]);
        return this;
    }

    /// <summary>The keys and values of a JSON object, as the command line takes them.</summary>
    public static string[] Settings(string json)
    {
        using var stream = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(json));
        return [.. new ConfigurationBuilder().AddJsonStream(stream).Build().AsEnumerable().Where(pair => pair.Value is not null).Select(pair => $"--{pair.Key}={pair.Value}")];
    }

    public T Options<T>()
        where T : class => _app!.Services.GetRequiredService<IOptions<T>>().Value;

    public static void SetMode(string path, UnixFileMode mode)
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, mode);
        }
    }

    public static string ProblemsOf(Func<SettingsFile, SettingsFile> build)
    {
        var file = new SettingsFile();
        try
        {
            build(file);
            return "";
        }
        catch (ConfigurationProblems.InvalidConfigurationException exception)
        {
            return exception.Message;
        }
        finally
        {
            file._folder.Delete(recursive: true);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
        {
            await _app.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }
}
