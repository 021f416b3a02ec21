using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace McpIdentity.Tests.Support;

/// <summary>One page of a private browser context, and what the browser complained about.</summary>
internal sealed class ChromiumPage : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> _errors = [];

    public ChromiumPage(IBrowserContext context, IPage page)
    {
        (Context, Page) = (context, page);
        context.Console += (_, message) =>
        {
            if (message.Type == "error")
            {
                _errors.Enqueue(message.Text);
            }
        };
        context.WebError += (_, error) => _errors.Enqueue(error.Error);
    }

    public IBrowserContext Context { get; }

    public IPage Page { get; }

    /// <summary>Errors in the console, among them every violation of a content security policy.</summary>
    public IReadOnlyCollection<string> ConsoleErrors => _errors;

    public IReadOnlyList<string> CspViolations => [.. _errors.Where(error => error.Contains("Content Security Policy", StringComparison.OrdinalIgnoreCase))];

    /// <summary>What was complained about so far belongs to another page.</summary>
    public void Forget() => _errors.Clear();

    public async ValueTask DisposeAsync() => await Context.DisposeAsync();
}
