using System.Buffers;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using McpIdentity.Server.Policy;

namespace McpIdentity.Server.Gateway;

/// <summary>
/// Takes out of the lists of a server behind this one what their reader may not have, and marks them as theirs alone, so that no
/// cache shows them to another (MCP 2026-07-28, <c>cacheScope</c>); and out of its events those of resources that they may not read.
/// </summary>
/// <param name="mayHave">Whether the reader may have an entry.</param>
/// <param name="learn">Is shown all tools of a list, those left out too.</param>
/// <param name="marks">Whether the reader's revision knows the mark.</param>
internal sealed class ListFilter(Func<PolicyTargetKind, JsonElement, bool> mayHave, Action<IReadOnlyList<JsonElement>> learn, bool marks)
{
    private const string Scope = "cacheScope";
    private const string Updated = "notifications/resources/updated";

    // What a proxy on the way takes for life, and a reader for nothing (HTML, server-sent events: a comment).
    private static readonly byte[] KeepOpen = [.. ":\n\n"u8];

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    private static readonly (string List, PolicyTargetKind Kind)[] Lists =
    [
        ("tools", PolicyTargetKind.Tool), ("prompts", PolicyTargetKind.Prompt), ("resources", PolicyTargetKind.Resource), ("resourceTemplates", PolicyTargetKind.Resource),
    ];

    /// <summary>Called before each message of a stream: what its reader may have can be another by then.</summary>
    public Func<CancellationToken, ValueTask>? Renew { get; init; }

    /// <summary>What an entry of a list is known by.</summary>
    public static string? NameOf(PolicyTargetKind kind, JsonElement entry) =>
        kind != PolicyTargetKind.Resource ? Text(entry, "name") : Text(entry, "uri") ?? Text(entry, "uriTemplate");

    /// <summary>Reads an answer to its end, which is one message.</summary>
    /// <exception cref="UpstreamAnswerException">It is too long, or no message.</exception>
    public async Task CopyMessageAsync(BoundedStream from, HttpResponse to, CancellationToken cancellationToken)
    {
        var message = await ReadAsync(from, cancellationToken);
        if (message.IsEmpty && to.StatusCode >= StatusCodes.Status400BadRequest)
        {
            return; // said by the status, whatever type was named
        }

        var filtered = !message.IsEmpty && Filter(message) is { } left ? left : throw new UpstreamAnswerException("it answered with nothing, or with an event");
        to.ContentLength = filtered.Length;
        await to.Body.WriteAsync(filtered, cancellationToken);
    }

    /// <summary>Copies a stream of messages, each as soon as it is there.</summary>
    /// <inheritdoc cref="CopyMessageAsync" path="/exception"/>
    public async Task CopyEventsAsync(BoundedStream from, HttpResponse to, CancellationToken cancellationToken)
    {
        await to.Body.FlushAsync(cancellationToken); // the headers: its reader waits for news
        from.OnNothing = () => to.Body.WriteAsync(KeepOpen, cancellationToken);
        var events = SseParser.Create(from, static (_, data) => data.ToArray()).EnumerateAsync(cancellationToken);
        await SseFormatter.WriteAsync(FilterAsync(events, from, cancellationToken), to.Body, static (item, writer) => writer.Write(item.Data.Span), cancellationToken);
    }

    /// <summary>One message, without what its reader may not have; null where that is all of it.</summary>
    /// <inheritdoc cref="CopyMessageAsync" path="/exception"/>
    public ReadOnlyMemory<byte>? Filter(ReadOnlyMemory<byte> message)
    {
        if (message.IsEmpty)
        {
            return message; // an event that only names the place to go on from (MCP 2025-11-25, transports)
        }

        try
        {
            using var document = JsonDocument.Parse(message, Strict);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new UpstreamAnswerException("it answered with something else than one JSON-RPC message");
            }

            if (Text(document.RootElement, "method") == Updated && !MayHear(document.RootElement))
            {
                return null;
            }

            return document.RootElement.TryGetProperty("result", out var result) && result.ValueKind == JsonValueKind.Object && Lists.Any(list => result.TryGetProperty(list.List, out _))
                ? Write(document.RootElement, result)
                : message;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException) // the second: a name that holds half of a surrogate pair
        {
            throw new UpstreamAnswerException("it answered with broken JSON, or with a member that stands twice");
        }
    }

    private bool MayHear(JsonElement message) =>
        message.TryGetProperty("params", out var resource) && resource.ValueKind == JsonValueKind.Object && NameOf(PolicyTargetKind.Resource, resource) is not null && mayHave(PolicyTargetKind.Resource, resource);

    private ReadOnlyMemory<byte> Write(JsonElement message, JsonElement result)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach (var member in message.EnumerateObject())
            {
                writer.WritePropertyName(member.Name);
                if (member.NameEquals("result"))
                {
                    WriteResult(writer, result);
                }
                else
                {
                    member.Value.WriteTo(writer);
                }
            }

            writer.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }

    private void WriteResult(Utf8JsonWriter writer, JsonElement result)
    {
        writer.WriteStartObject();
        foreach (var member in result.EnumerateObject().Where(member => !member.NameEquals(Scope)))
        {
            writer.WritePropertyName(member.Name);
            if (Array.Find(Lists, list => member.NameEquals(list.List)) is { List: not null } list)
            {
                WriteList(writer, list.Kind, member.Value);
            }
            else
            {
                member.Value.WriteTo(writer);
            }
        }

        if (marks || result.TryGetProperty(Scope, out _))
        {
            writer.WriteString(Scope, "private");
        }

        writer.WriteEndObject();
    }

    private void WriteList(Utf8JsonWriter writer, PolicyTargetKind kind, JsonElement list)
    {
        JsonElement[] entries = list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray().Where(entry => entry.ValueKind == JsonValueKind.Object && NameOf(kind, entry) is not null)] : [];
        if (kind == PolicyTargetKind.Tool)
        {
            learn(entries);
        }

        writer.WriteStartArray();
        foreach (var entry in entries.Where(entry => mayHave(kind, entry)))
        {
            entry.WriteTo(writer);
        }

        writer.WriteEndArray();
    }

    private static async Task<ReadOnlyMemory<byte>> ReadAsync(BoundedStream from, CancellationToken cancellationToken)
    {
        using var buffer = new MemoryStream();
        await from.CopyToAsync(buffer, cancellationToken);
        return buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
    }

    private async IAsyncEnumerable<SseItem<ReadOnlyMemory<byte>>> FilterAsync(
        IAsyncEnumerable<SseItem<byte[]>> events, BoundedStream bounded, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var item in events)
        {
            bounded.Restart();
            if (Renew is not null)
            {
                await Renew(cancellationToken);
            }

            if (Filter(item.Data) is { } data)
            {
                yield return new SseItem<ReadOnlyMemory<byte>>(data, item.EventType) { EventId = item.EventId, ReconnectionInterval = item.ReconnectionInterval };
            }
        }
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}

/// <summary>A server behind this one answered what no client could use; the message goes on after its name.</summary>
internal sealed class UpstreamAnswerException(string message) : Exception(message);
