using System.Collections.Concurrent;
using McpIdentity.Mcp.Audit;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Support;

/// <summary>Looks at everything that a server logs, and keeps what nobody's request should be able to cause there.</summary>
internal sealed class LogWatch : ILoggerProvider, ISupportExternalScope
{
    private readonly ConcurrentQueue<string> _found = [];
    private IExternalScopeProvider? _scopes;

    /// <summary>What was found since it was last asked for.</summary>
    public IReadOnlyList<string> Take()
    {
        var taken = new List<string>();
        while (_found.TryDequeue(out var found))
        {
            taken.Add(found);
        }

        return taken;
    }

    public ILogger CreateLogger(string categoryName) => new Watcher(this, categoryName);

    public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

    public void Dispose()
    {
    }

    private void Look(LogLevel level, string category, string message, Exception? exception)
    {
        if (level >= LogLevel.Error)
        {
            _found.Enqueue($"{level} {category}: {message} {exception}");
        }

        if (message.Any(ForeignText.IsRaw) || exception?.Message.Any(ForeignText.IsRaw) == true)
        {
            _found.Enqueue($"raw text in {category}: {Escape(message)} {Escape(exception?.Message)}");
        }

        _scopes?.ForEachScope(
            (scope, found) =>
            {
                if (scope?.ToString()?.Any(ForeignText.IsRaw) == true)
                {
                    found.Enqueue($"raw text in a scope of {category}: {Escape(scope.ToString())}");
                }
            },
            _found);
    }

    private static string? Escape(string? text) => text is null ? null : System.Text.Json.JsonSerializer.Serialize(text);

    private sealed class Watcher(LogWatch log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            log.Look(logLevel, category, formatter(state, exception), exception);
    }
}
