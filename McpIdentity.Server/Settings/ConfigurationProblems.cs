using System.ComponentModel;
using System.Globalization;
using System.Reflection;
using McpIdentity.Mcp;
using Microsoft.Extensions.Configuration.CommandLine;
using Microsoft.Extensions.Configuration.Json;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Settings;

/// <summary>Finds every mistake in the configuration, so that an operator reads one list and not one line a try.</summary>
internal sealed class ConfigurationProblems
{
    // What .NET's host, its server and its logging read, and the two that the guide has at its root.
    private static readonly string[] OtherRoots =
    [
        "Logging", "Metrics", "Kestrel", "AllowedHosts", "Urls", "http_ports", "https_ports", "https_port", "Environment", "ContentRoot", "WebRoot",
        "ApplicationName", "ShutdownTimeoutSeconds", "ServicesStartConcurrently", "ServicesStopConcurrently", "HostBuilder", "DetailedErrors",
        "CaptureStartupErrors", "SuppressStatusMessages", "PreferHostingUrls", "HostingStartupAssemblies", "HostingStartupExcludeAssemblies",
        "PreventHostingStartup", "Authentication", "$schema", "port", "trustProxy",
    ];

    private readonly List<string> _problems = [];
    private readonly List<string> _warnings = [];
    private readonly Dictionary<string, string?> _rewritten = [];
    private bool _hasUnreadableValue;
    private ConfiguredSecrets _secrets = ConfiguredSecrets.None;

    /// <summary>Thrown at the start with all that is wrong.</summary>
    public sealed class InvalidConfigurationException(IReadOnlyList<string> problems)
        : Exception("The configuration is invalid:" + string.Concat(problems.Select(problem => $"{Environment.NewLine}  - {problem}")));

    /// <summary>What does not stop the start; logged as soon as there is a log.</summary>
    public IReadOnlyList<string> Warnings => [.. _warnings.Select(_secrets.Mask)];

    public void Add(string problem) => _problems.Add(problem);

    public void Warn(string warning) => _warnings.Add(warning);

    /// <summary>
    /// The settings that do not exist. A value that does not fit its type ends the start here: nothing could be built from it.
    /// What people write and .NET's binder does not read (<c>yes</c>, seconds, names separated by commas) is rewritten.
    /// </summary>
    /// <param name="configuration">All sources together.</param>
    public void Find(ConfigurationManager configuration)
    {
        _secrets = ConfiguredSecrets.In(configuration);
        FindRoots(configuration);
        FindLogLevels(configuration);
        foreach (var (section, options) in SettingsSections.All)
        {
            Walk(configuration.GetSection(section), options);
        }

        if (_hasUnreadableValue)
        {
            throw new InvalidConfigurationException([.. _problems.Select(_secrets.Mask).Distinct()]);
        }

        if (_rewritten.Count > 0)
        {
            configuration.AddInMemoryCollection(_rewritten);
        }
    }

    /// <summary>Adds what the options' own rules say, and ends the start when anything is wrong.</summary>
    public void ThrowIfAny(IServiceProvider services)
    {
        Validate(services);
        if (_problems.Count > 0)
        {
            throw new InvalidConfigurationException([.. _problems.Select(_secrets.Mask).Distinct()]);
        }
    }

    // In a settings file and on the command line everything is meant for us; the environment belongs to other programs too.
    private void FindRoots(IConfigurationRoot configuration)
    {
        string[] known = [.. SettingsSections.All.Select(section => section.Name), .. OtherRoots];
        foreach (var provider in configuration.Providers.Where(provider => provider is JsonConfigurationProvider or CommandLineConfigurationProvider))
        {
            foreach (var root in provider.GetChildKeys([], null).Distinct().Where(root => !known.Contains(root, StringComparer.OrdinalIgnoreCase) && !EnvironmentNames.IsOpenTelemetrys(root)))
            {
                var source = provider is JsonConfigurationProvider { Source.Path: { } path } ? path : "the command line";
                _problems.Add($"{root} in {source} is not a section. There are {string.Join(", ", known.Take(SettingsSections.All.Count))}.");
            }
        }
    }

    // .NET's own section, where a level that is none is an exception without the name of its setting.
    private void FindLogLevels(IConfiguration configuration)
    {
        foreach (var (key, value) in configuration.GetSection("Logging").AsEnumerable().Where(pair => pair.Key.Contains(":LogLevel:", StringComparison.OrdinalIgnoreCase) && pair.Value is { Length: > 0 }))
        {
            if (!Enum.TryParse<LogLevel>(value, ignoreCase: true, out var level) || !Enum.IsDefined(level))
            {
                _problems.Add($"{key} is '{value}'; allowed: {string.Join(", ", Enum.GetNames<LogLevel>())}.");
                _hasUnreadableValue = true;
            }
        }
    }

    private void Walk(IConfigurationSection section, IReadOnlyList<Type> types)
    {
        foreach (var child in section.GetChildren())
        {
            if (SettingsSections.PropertiesOf(types, child.Key) is { Count: > 0 } properties)
            {
                Check(child, properties);
            }
            else
            {
                _problems.Add($"{child.Path} is not a setting.{Suggestion(child.Key, types)}");
            }
        }
    }

    private void Check(IConfigurationSection child, IReadOnlyList<PropertyInfo> properties)
    {
        List<Type> types = [.. properties.Select(property => Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType)];
        var type = types[0];
        if (SettingsSections.IsMany(type))
        {
            var item = SettingsSections.ItemOf(type);
            if (TypeDescriptor.GetConverter(item).CanConvertFrom(typeof(string)) && child.Value is { Length: > 0 } words && !child.GetChildren().Any())
            {
                RewriteList(child.Path, words);
            }

            foreach (var (path, value) in child.AsEnumerable().Where(_ => !item.IsClass || item == typeof(string)))
            {
                RewriteText(path, value);
            }

            foreach (var element in child.GetChildren().Where(_ => item.IsClass && item != typeof(string)))
            {
                RewriteText(element.Path, element.Value); // an entry that is written as one word
                Walk(element, [item]);
            }
        }
        else if (type.IsClass && type != typeof(string))
        {
            Walk(child, types);
        }
        else if (type == typeof(string) && child.Value is not null)
        {
            RewriteText(child.Path, child.Value);
        }
        else if (string.IsNullOrWhiteSpace(child.Value))
        {
            // An empty value is no value, and .NET's binder would make 0 or null of it.
            _rewritten[child.Path] = Convert.ToString(properties[0].GetValue(Activator.CreateInstance(properties[0].DeclaringType!)), CultureInfo.InvariantCulture) is { Length: > 0 } said ? said : null;
        }
        else if (child.Value is { } value && !Rewrite(child.Path, value, type))
        {
            var allowed = type.IsEnum ? string.Join(", ", Names(type))
                : type == typeof(bool) ? "true, false, 1, 0, yes, no"
                : type == typeof(TimeSpan) ? Durations.Forms
                : $"a whole number up to {(type == typeof(long) ? long.MaxValue : int.MaxValue)}";
            var variables = string.Join(", ", EnvironmentNames.NamesOf(child.Path));
            _problems.Add($"{child.Path}{(variables.Length > 0 ? $" ({variables})" : "")} is '{value}'; allowed: {allowed}.");
            _hasUnreadableValue = true;
        }
    }

    // Stricter than .NET's own converters, which read 0x1F and 24:00:00 as nobody else does.
    private bool Rewrite(string path, string raw, Type type)
    {
        var value = raw.Trim();
        var rewritten = type == typeof(bool)
            ? value.ToUpperInvariant() switch { "1" or "YES" or "TRUE" => "true", "0" or "NO" or "FALSE" => "false", _ => null }
            : type == typeof(TimeSpan) ? Durations.Parse(value)?.ToString()
            : type.IsEnum ? Enum.GetNames(type).FirstOrDefault(name => name.Equals(value, StringComparison.OrdinalIgnoreCase))
            : type == typeof(int) ? Said(int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number), number)
            : type == typeof(long) ? Said(long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var large), large)
            : value;
        if (rewritten is not null && rewritten != raw)
        {
            _rewritten[path] = rewritten;
        }

        return rewritten is not null;
    }

    private static string? Said(bool isNumber, long number) => isNumber ? number.ToString(CultureInfo.InvariantCulture) : null;

    private void RewriteText(string path, string? value)
    {
        if (value is { Length: > 0 } && SettingText.Clean(path, value, this) is var text && text != value)
        {
            _rewritten[path] = text;
        }
    }

    private void RewriteList(string path, string words)
    {
        var items = words.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        for (var i = 0; i < items.Length; i++)
        {
            _rewritten[$"{path}:{i}"] = SettingText.Clean($"{path}:{i}", items[i], this);
        }
    }

    // The guide writes auth types in lower case, and people compare letter by letter (SEED-001).
    private static IEnumerable<string> Names(Type type) =>
        type == typeof(McpAuthType) ? Enum.GetNames(type).Select(name => name.ToLowerInvariant()) : Enum.GetNames(type);

    private static string Suggestion(string key, IReadOnlyList<Type> types)
    {
        var near = types.SelectMany(type => type.GetProperties(BindingFlags.Instance | BindingFlags.Public)).Select(property => property.Name)
            .FirstOrDefault(name => name.StartsWith(key[..Math.Min(4, key.Length)], StringComparison.OrdinalIgnoreCase));
        return near is null ? "" : $" Did you mean {near}?";
    }

    private void Validate(IServiceProvider services)
    {
        try
        {
            services.GetService<IStartupValidator>()?.Validate();
        }
        catch (OptionsValidationException exception)
        {
            _problems.AddRange(exception.Failures);
        }
        catch (AggregateException exception)
        {
            _problems.AddRange(exception.Flatten().InnerExceptions.SelectMany(inner =>
                inner is OptionsValidationException options ? options.Failures : [inner.Message]));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidOperationException or ArgumentException or FormatException)
        {
            // What a library says when it is handed its settings.
            _problems.Add(exception.Message.ReplaceLineEndings(" "));
        }
    }
}
