using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Architecture;

/// <summary>Which of OpenIddict's handlers and of ours a server ran, in order, as OpenIddict's dispatcher itself reports it.</summary>
internal sealed class PipelineTrace : IAsyncDisposable
{
    private const string Dispatcher = "OpenIddict.Server.OpenIddictServerDispatcher";

    private readonly RecordedLog _log;

    private PipelineTrace(TestServer server, RecordedLog log) => (Server, _log) = (server, log);

    public TestServer Server { get; }

    public static async Task<PipelineTrace> StartAsync(params string[] settings)
    {
        var log = new RecordedLog();
        var server = await TestServer.StartAsync(builder =>
        {
            builder.Logging.AddProvider(log);
            // The server keeps this category quiet (it can print tokens); a rule for one provider wins over that, in this process alone.
            builder.Services.PostConfigure<LoggerFilterOptions>(filters =>
            {
                filters.Rules.Add(new LoggerFilterRule(typeof(RecordedLog).FullName, Dispatcher, LogLevel.Trace, filter: null));
            });
        }, settings);
        return new PipelineTrace(server, log);
    }

    /// <summary>Every handler that ran so far, request by request.</summary>
    public IReadOnlyList<IReadOnlyList<Step>> Requests
    {
        get
        {
            var requests = new List<List<Step>>();
            foreach (var step in _log.Lines.Select(Step.Read).OfType<Step>())
            {
                if (step is { Event: "ProcessRequest", Handler: nameof(McpIdentity.Server.Authorization.UsePublicAddress) })
                {
                    requests.Add([]);
                }

                requests[^1].Add(step);
            }

            return requests;
        }
    }

    public ValueTask DisposeAsync() => Server.DisposeAsync();

    /// <summary>One handler that ran.</summary>
    /// <param name="Event">The name of its context without the word.</param>
    /// <param name="Handler">The name of its class.</param>
    /// <param name="IsOurs">Whether it is one of McpIdentity's.</param>
    internal sealed record Step(string Event, string Handler, bool IsOurs)
    {
        public static Step? Read(string line)
        {
            // "Debug OpenIddict.Server.OpenIddictServerDispatcher The event {type} was successfully processed by {type}."
            if (!line.StartsWith($"Debug {Dispatcher} ", StringComparison.Ordinal) || !line.Contains(" processed by ", StringComparison.Ordinal))
            {
                return null;
            }

            var words = line[$"Debug {Dispatcher} ".Length..].Split(' ');
            return new Step(
                NameOf(Array.Find(words, word => word.Contains("Context", StringComparison.Ordinal))!)[..^"Context".Length],
                NameOf(words[Array.IndexOf(words, "by") + 1]),
                words[Array.IndexOf(words, "by") + 1].StartsWith("McpIdentity.", StringComparison.Ordinal));
        }

        // Namespace.Outer+Nested`1[[…]] is Nested.
        private static string NameOf(string type) => type.Split('`')[0].TrimEnd('.').Split('.', '+')[^1];
    }
}
