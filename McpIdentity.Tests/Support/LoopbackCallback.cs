using System.Net;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;

namespace McpIdentity.Tests.Support;

/// <summary>The web server of a native client: waits on a loopback port for the browser to bring the answer (RFC 8252 §7.3).</summary>
internal sealed class LoopbackCallback : IDisposable
{
    /// <summary>What the person reads at last.</summary>
    public const string Heading = "You can go back to the program";

    private static readonly byte[] Page = Encoding.UTF8.GetBytes($"<!doctype html><title>Done</title><h1>{Heading}</h1>");

    private readonly HttpListener _listener = new();
    private readonly TaskCompletionSource<IReadOnlyDictionary<string, string?>> _arrival = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public LoopbackCallback()
    {
        var origin = $"http://127.0.0.1:{Ports.Next()}";
        RedirectUri = origin + "/callback";
        _listener.Prefixes.Add(origin + "/");
        _listener.Start();
        _ = AnswerAsync();
    }

    public string RedirectUri { get; }

    /// <summary>Completes with the query of the first request to the redirect URI.</summary>
    public Task<IReadOnlyDictionary<string, string?>> Arrival => _arrival.Task;

    public bool HasArrived => _arrival.Task.IsCompleted;

    /// <inheritdoc cref="Arrival"/>
    public Task<IReadOnlyDictionary<string, string?>> ArrivesWithin(TimeSpan time) => _arrival.Task.WaitAsync(time);

    public void Dispose() => ((IDisposable)_listener).Dispose();

    private async Task AnswerAsync()
    {
        try
        {
            while (true)
            {
                var context = await _listener.GetContextAsync();
                var isCallback = context.Request.Url!.AbsolutePath == "/callback";
                if (!isCallback)
                {
                    // A browser also asks for an icon, and would log its absence as an error.
                    context.Response.StatusCode = 204;
                    context.Response.Close();
                }
                else
                {
                    context.Response.ContentType = "text/html";
                    context.Response.Close(Page, willBlock: false);
                    var query = QueryHelpers.ParseQuery(context.Request.Url.Query);
                    _arrival.TrySetResult(query.ToDictionary(parameter => parameter.Key, parameter => (string?)parameter.Value));
                }
            }
        }
        catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
        {
            _arrival.TrySetCanceled();
        }
    }
}
