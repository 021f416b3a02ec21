using System.Text.RegularExpressions;

namespace McpIdentity.Bench;

/// <summary>What <c>perf script</c> wrote, as a tree of calls with names that one can read.</summary>
internal sealed partial class Stacks
{
    public Frame Root { get; } = new("all");

    public int Samples => Root.Count;

    /// <summary>By method, the samples in which it ran itself.</summary>
    public Dictionary<string, int> Own { get; } = [];

    /// <summary>By method, the samples in which it ran or waited for what it had called.</summary>
    public Dictionary<string, int> Inclusive { get; } = [];

    public static Stacks Parse(string script)
    {
        var stacks = new Stacks();
        foreach (var sample in script.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            var lines = sample.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            var thread = lines[0].Trim();
            // The runtime's compiler works beside the requests and comes to rest.
            if (!thread.StartsWith(".NET Tiered Com", StringComparison.Ordinal))
            {
                stacks.Add(thread, lines.Skip(1).Reverse().Select(NameOf).OfType<string>());
            }
        }

        return stacks;
    }

    /// <summary>A line of perf: the address, the symbol, the file in parentheses.</summary>
    /// <returns>The method's name, or null when it only carries others.</returns>
    internal static string? NameOf(string line)
    {
        if (Line().Match(line) is not { Success: true } match)
        {
            return null;
        }

        var (symbol, file) = (match.Groups["symbol"].Value, Path.GetFileName(match.Groups["file"].Value.Replace(" (deleted)", "", StringComparison.Ordinal)));
        if (Managed().Match(symbol) is not { Success: true } managed)
        {
            return symbol == "[unknown]" || file.StartsWith("libcoreclr", StringComparison.Ordinal) ? $"[{file.Trim('[', ']')}]" : file == "[kernel.kallsyms]" ? $"{symbol} [kernel]" : symbol.Split('(')[0];
        }

        var (type, method) = (managed.Groups["type"].Value, managed.Groups["method"].Value);
        if (Carrier().IsMatch(type))
        {
            return null;
        }

        // The compiler's names: Type+<Method>d__5.MoveNext, Type+<>c.<Method>b__5_0, Type.<Method>g__Inner|5_0.
        if (Hidden().Match(type) is { Success: true } hidden)
        {
            (type, method) = (hidden.Groups["type"].Value, hidden.Groups["method"].Value is { Length: > 0 } name ? name : method);
        }

        method = Inner().Replace(method, "$1");
        return $"{Generic().Replace(type.Replace('+', '.'), "")}.{method}";
    }

    private void Add(string thread, IEnumerable<string> names)
    {
        var (frame, seen) = (Root, new HashSet<string>());
        Root.Count++;
        foreach (var name in names.Prepend(thread))
        {
            // What an unnamed library does within itself is one frame.
            if (name != frame.Name)
            {
                frame = frame.Child(name);
                frame.Count++;
                seen.Add(name);
            }
        }

        Own[frame.Name] = Own.GetValueOrDefault(frame.Name) + 1;
        foreach (var name in seen)
        {
            Inclusive[name] = Inclusive.GetValueOrDefault(name) + 1;
        }
    }

    [GeneratedRegex(@"^\s*[0-9a-f]+ (?<symbol>.*) \((?<file>[^()]*(?:\(deleted\))?)\)$")]
    private static partial Regex Line();

    [GeneratedRegex(@"\[[^\]]+\] (?<type>[^:( ]+)::(?<method>[^(\[]+)")]
    private static partial Regex Managed();

    // They run a method that waited, or start one that may wait; the method itself is the next frame.
    [GeneratedRegex(@"^System\.(Runtime\.CompilerServices\.(Async|PoolingAsync|ValueTaskAwaiter|TaskAwaiter|ConfiguredTask)|Threading\.ExecutionContext|Threading\.Tasks\.AwaitTaskContinuation)")]
    private static partial Regex Carrier();

    [GeneratedRegex(@"^(?<type>.+?)(\+<>c[^+]*)?\+<+(?<method>\w*)>[^+]*$")]
    private static partial Regex Hidden();

    [GeneratedRegex(@"<(\w+)>[bg]__\S*")]
    private static partial Regex Inner();

    [GeneratedRegex(@"`\d+|\[.*\]")]
    private static partial Regex Generic();
}

/// <summary>A method as called from one place.</summary>
internal sealed class Frame(string name)
{
    private readonly SortedDictionary<string, Frame> _children = new(StringComparer.Ordinal);

    public string Name => name;

    /// <summary>The samples that saw it.</summary>
    public int Count { get; set; }

    public IEnumerable<Frame> Children => _children.Values;

    public Frame Child(string child) => _children.TryGetValue(child, out var frame) ? frame : _children[child] = new Frame(child);
}
