using System.Collections;
using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ModelContextProtocol;

namespace McpIdentity.Mcp.Audit;

/// <summary>
/// The ordinary log, in which no stranger writes lines: libraries log method names, tools, paths and exceptions as they came.
/// Cleaned here, between every logger and every provider, so that nobody has to think of it where a line is written.
/// </summary>
/// <param name="inner">The host's factory.</param>
/// <param name="categories">Beginnings of the categories that are cleaned.</param>
internal sealed class CleanLoggerFactory(ILoggerFactory inner, string[] categories) : ILoggerFactory
{
    private readonly ConcurrentDictionary<string, ILogger> _loggers = new(StringComparer.Ordinal);

    /// <summary>Puts itself before whatever factory the host has by now.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="categories">Beginnings of the categories that are cleaned; an empty text: all.</param>
    public static void Register(IServiceCollection services, params string[] categories)
    {
        services.AddLogging();
        var known = services.Last(service => service.ServiceType == typeof(ILoggerFactory) && !service.IsKeyedService);
        services.Remove(known);
        var key = new object(); // who owns the factory disposes it: the container, which makes it
        services.Add(known switch
        {
            { ImplementationInstance: { } instance } => new ServiceDescriptor(typeof(ILoggerFactory), key, instance),
            { ImplementationFactory: { } create } => new ServiceDescriptor(typeof(ILoggerFactory), key, (provider, _) => create(provider), ServiceLifetime.Singleton),
            _ => new ServiceDescriptor(typeof(ILoggerFactory), key, known.ImplementationType!, ServiceLifetime.Singleton),
        });
        services.AddSingleton<ILoggerFactory>(provider => new CleanLoggerFactory(provider.GetRequiredKeyedService<ILoggerFactory>(key), categories));
    }

    public ILogger CreateLogger(string categoryName) => _loggers.GetOrAdd(categoryName, MakeLogger); // the SDK asks with each request

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    public void Dispose()
    {
        // The container made the inner factory, and disposes it.
    }

    private ILogger MakeLogger(string category)
    {
        var logger = inner.CreateLogger(category);
        // A host that cleans everything has the module in it, which registered its own.
        return logger is not CleanLogger && categories.Any(beginning => category.StartsWith(beginning, StringComparison.Ordinal))
            ? new CleanLogger(logger, category.StartsWith("ModelContextProtocol", StringComparison.Ordinal))
            : logger;
    }

    private sealed class CleanLogger(ILogger inner, bool isSdk) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull =>
            state is IEnumerable<KeyValuePair<string, object?>> values ? inner.BeginScope(new CleanScope(values)) : inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (isSdk && logLevel > LogLevel.Debug && exception is McpException or ArgumentException { ParamName: "arguments" })
            {
                // An answer to a caller who asked for what there is not, or left an argument out, and no failure of the server: not a stack for each.
                logLevel = LogLevel.Debug;
            }

            if (!inner.IsEnabled(logLevel))
            {
                return; // most lines of libraries are not wanted, and not all ask before
            }

            inner.Log(logLevel, eventId, state, exception is null ? null : CleanException.Of(exception), (message, error) => Clean(message, formatter(message, error)));
        }

        private static string Clean<TState>(TState state, string text) => ForeignText.IsRaw(text) && IsForeign(state) ? ForeignText.Clean(text) : text;

        // What a template itself says over several lines was written by a programmer.
        private static bool IsForeign<TState>(TState state) =>
            state is not IEnumerable<KeyValuePair<string, object?>> values ||
            values.Any(value => value.Key != "{OriginalFormat}" && ForeignText.IsRaw(value.Value as string ?? value.Value?.ToString()));
    }

    private sealed class CleanScope(IEnumerable<KeyValuePair<string, object?>> values) : IEnumerable<KeyValuePair<string, object?>>
    {
        public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => values.GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        public override string ToString() => values.ToString() is { } text && ForeignText.IsRaw(text) ? ForeignText.Clean(text) : values.ToString() ?? "";
    }
}
