using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Catalogue;

/// <summary>
/// Which tools the servers behind this one have, and which of them wait for a review: this node's memory of what all nodes have seen.
/// Nothing here waits or asks the database; <see cref="CatalogueFeed"/> reads and writes it beside the calls.
/// </summary>
internal sealed class ToolCatalogue(TimeProvider time)
{
    /// <summary>Of one server. What is beyond is held.</summary>
    public const int MaxTools = 2000;

    // A server that describes a tool anew in each list is not written down with each.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Lock _changing = new();
    private readonly ConcurrentDictionary<string, ConcurrentDictionary<string, KnownTool>> _servers = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Server, string Tool), SeenTool> _unwritten = [];

    /// <summary>Raised when there is something to write down that should not wait.</summary>
    public event Action? Learnt;

    /// <returns>Null for a tool that no list has had.</returns>
    public CatalogueTool? Find(string server, string tool, ToolReview review = ToolReview.None) => Known(server, tool)?.JudgedBy(review);

    /// <summary>The same with what is known beside it.</summary>
    public KnownTool? Known(string server, string tool) => _servers.GetValueOrDefault(server)?.GetValueOrDefault(tool);

    /// <summary>All of one server, in ordinal order.</summary>
    public IReadOnlyList<CatalogueTool> Of(string server) => [.. AllOf(server).Select(tool => tool.Seen)];

    /// <summary>The same with what is known beside each.</summary>
    public IReadOnlyList<KnownTool> AllOf(string server) =>
        _servers.GetValueOrDefault(server) is { } tools ? [.. tools.Values.OrderBy(tool => tool.Seen.Name, StringComparer.Ordinal)] : [];

    /// <summary>Whether nobody may use the tool for now: it waits for a review, was blocked, or is beyond what is kept of a server.</summary>
    public bool IsHeld(string server, ToolReview review, string tool) => Known(server, tool) is { } known
        ? known.IsHeld(review)
        // One that no list has had is the server's to refuse, but where everything new waits.
        : review == ToolReview.New || tool.Length > CatalogueTool.MaxName || _servers.GetValueOrDefault(server)?.Count >= MaxTools;

    /// <summary>Takes note of the tools of a list that has passed.</summary>
    /// <returns>
    /// Those that are held as they stand in this very list: what the catalogue knows may be of another one by the time that this one is shown.
    /// </returns>
    public IReadOnlySet<string> Learn(string server, ToolReview review, IReadOnlyList<JsonElement> tools)
    {
        var known = _servers.GetOrAdd(server, _ => new ConcurrentDictionary<string, KnownTool>(StringComparer.Ordinal));
        var held = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tool in tools)
        {
            var bytes = SHA256.HashData(JsonMarshal.GetRawUtf8Value(tool));
            var name = tool.GetProperty("name").GetString()!;
            var before = known.GetValueOrDefault(name);
            var now = before is not null && bytes.AsSpan().SequenceEqual(before.Bytes) ? before : Learn(server, known, tool, bytes);
            if (now is null || now.IsHeld(review))
            {
                held.Add(name);
            }
        }

        return held;
    }

    /// <summary>Puts in the place of what is known what all nodes have seen; what this node has seen and not yet written down stays.</summary>
    /// <param name="stored">All that is stored, by server.</param>
    public void Take(IReadOnlyDictionary<string, IReadOnlyList<KnownTool>> stored)
    {
        lock (_changing)
        {
            foreach (var (server, tools) in stored)
            {
                var known = _servers.GetOrAdd(server, _ => new ConcurrentDictionary<string, KnownTool>(StringComparer.Ordinal));
                foreach (var tool in tools)
                {
                    known[tool.Seen.Name] = known.GetValueOrDefault(tool.Seen.Name) is not { } before ? tool
                        : _unwritten.ContainsKey((server, tool.Seen.Name)) ? Compared(before with { FirstHash = tool.FirstHash, ReviewedHash = tool.ReviewedHash, State = tool.State }, tool)
                        : tool with { Bytes = tool.Seen.Hash == before.Seen.Hash ? before.Bytes : [], ChangedAt = before.ChangedAt };
                }
            }

            foreach (var (server, known) in _servers)
            {
                var left = stored.GetValueOrDefault(server)?.Select(tool => tool.Seen.Name).ToHashSet(StringComparer.Ordinal) ?? [];
                foreach (var gone in known.Keys.Where(name => !left.Contains(name) && !_unwritten.ContainsKey((server, name))))
                {
                    known.TryRemove(gone, out _);
                }
            }
        }
    }

    /// <summary>What is to be written down. It stays so until <see cref="Written"/>.</summary>
    public IReadOnlyList<SeenTool> Unwritten()
    {
        lock (_changing)
        {
            return [.. _unwritten.Values];
        }
    }

    /// <summary>What was written down; what has changed again meanwhile is to be written down again.</summary>
    public void Written(IEnumerable<SeenTool> tools)
    {
        lock (_changing)
        {
            foreach (var tool in tools)
            {
                if (_unwritten.GetValueOrDefault((tool.Server, tool.Tool.Name)) == tool)
                {
                    _unwritten.Remove((tool.Server, tool.Tool.Name));
                }
            }
        }
    }

    private KnownTool? Learn(string server, ConcurrentDictionary<string, KnownTool> known, JsonElement tool, byte[] bytes)
    {
        if (!CatalogueTool.TryRead(tool, out var seen))
        {
            return null;
        }

        var isPressing = false;
        KnownTool now;
        lock (_changing)
        {
            var before = known.GetValueOrDefault(seen.Name);
            if (before is null && known.Count >= MaxTools)
            {
                return null;
            }

            now = before is null ? new KnownTool(seen, seen.Hash, null, Migrations.Entities.GatewayToolState.Seen)
                : before.Seen.Hash == seen.Hash ? before
                : Compared(before with { Seen = seen }, before);
            if (before is null || before.Seen.Hash != seen.Hash)
            {
                var at = time.GetUtcNow();
                isPressing = at - now.ChangedAt >= Patience;
                now = now with { ChangedAt = isPressing ? at : now.ChangedAt };
                _unwritten[(server, seen.Name)] = new SeenTool(server, seen, DocumentOf(tool), at);
            }

            now = now with { Bytes = bytes };
            known[seen.Name] = now;
        }

        if (isPressing)
        {
            Learnt?.Invoke();
        }

        return now;
    }

    // What is trusted is kept beside what was seen last, wherever it stood before.
    private static KnownTool Compared(KnownTool now, KnownTool other) => now with
    {
        Trusted = now.Seen.Hash == now.TrustedHash ? null
            : other.Seen.Hash == now.TrustedHash ? other.Seen
            : other.Trusted?.Hash == now.TrustedHash ? other.Trusted
            : null,
    };

    private static string? DocumentOf(JsonElement tool) => JsonMarshal.GetRawUtf8Value(tool) is { Length: <= CatalogueTool.MaxDocument } ? tool.GetRawText() : null;
}

/// <summary>A tool that a list had, on its way into the database.</summary>
/// <param name="Server">Whose.</param>
/// <param name="Tool">What a list had.</param>
/// <param name="Document">The same as JSON; null where it is too long to keep.</param>
/// <param name="At">When.</param>
internal sealed record SeenTool(string Server, CatalogueTool Tool, string? Document, DateTimeOffset At);
