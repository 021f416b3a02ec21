using System.Xml.Linq;
using McpIdentity.Bench;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Operations;

/// <summary>What the bench makes of what it has seen: names, graphs, ratios.</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.All)]
internal sealed class BenchReportTests
{
    private const string Native = "/usr/share/dotnet/shared/Microsoft.NETCore.App/10.0.12/libcoreclr.so";

    // Leaf first, as perf writes it; two samples, one of them in what the first only calls, and one of the compiler.
    private const string Script = $"""
        .NET TP Worker
        	7f17 sqlite3VdbeExec (/srv/libe_sqlite3.so)
        	7f16 instance void [McpIdentity.Server] McpIdentity.Server.Tokens.Grants+<SpendAsync>d__5::MoveNext()[OptimizedTier1] (/tmp/perf-1.map)
        	7f15 instance void [System.Private.CoreLib] System.Threading.ExecutionContext::RunInternal(object)[Tier1] (/tmp/perf-1.map)
        	5fa3 [unknown] ({Native})
        	5fa2 [unknown] ({Native})

        .NET TP Worker
        	7f16 instance void [McpIdentity.Server] McpIdentity.Server.Tokens.Grants+<SpendAsync>d__5::MoveNext()[OptimizedTier1] (/tmp/perf-1.map)
        	5fa3 [unknown] ({Native})

        .NET Tiered Com
        	5fa3 [unknown] ({Native})

        """;

    private static readonly string Graphs = Repository.PathOf("docs", "flames");

    [TestCase("7f instance void [McpIdentity.Server] McpIdentity.Server.Tokens.Grants+<SpendAsync>d__5::MoveNext()[OptimizedTier1] (/tmp/perf-1.map)", "McpIdentity.Server.Tokens.Grants.SpendAsync")]
    [TestCase("7f class [A] A.B [McpIdentity.Server] McpIdentity.Server.Hosting.Checks+<>c+<<Use>b__3_2>d::MoveNext()[Tier1] (/tmp/perf-1.map)", "McpIdentity.Server.Hosting.Checks.Use")]
    [TestCase("7f instance bool [System.Private.CoreLib] System.Collections.Generic.Dictionary`2[System.__Canon,System.__Canon]::TryGetValue(!0,!1&)[Tier1] (/tmp/perf-1.map)", "System.Collections.Generic.Dictionary.TryGetValue")]
    [TestCase("ffff do_syscall_64 ([kernel.kallsyms])", "do_syscall_64 [kernel]")]
    [TestCase("7f [unknown] (" + Native + ")", "[libcoreclr.so]")]
    [TestCase("7f instance void [System.Private.CoreLib] System.Threading.ExecutionContext::RunInternal(object)[Tier1] (/tmp/perf-1.map)", null)]
    public void A_method_is_named_as_one_reads_it(string line, string? name) => Assert.That(Stacks.NameOf(line), Is.EqualTo(name));

    [Test]
    public void A_profile_says_what_ran_and_what_waited_for_what_it_called()
    {
        var stacks = Stacks.Parse(Script);

        Assert.That(stacks.Samples, Is.EqualTo(2), "the compiler's is none");
        Assert.That(stacks.Own, Is.EquivalentTo(new Dictionary<string, int> { ["sqlite3VdbeExec"] = 1, ["McpIdentity.Server.Tokens.Grants.SpendAsync"] = 1 }));
        Assert.That(stacks.Inclusive["McpIdentity.Server.Tokens.Grants.SpendAsync"], Is.EqualTo(2));
    }

    [Test]
    public void A_flame_graph_has_each_frame_with_its_part_and_is_the_same_each_time()
    {
        var graph = FlameGraph.Draw("refresh <with> rotation", Stacks.Parse(Script));

        var titles = XDocument.Parse(graph).Descendants().Where(element => element.Name.LocalName == "title").Select(title => title.Value);
        Assert.That(titles, Does.Contain("sqlite3VdbeExec 50.0 %").And.Contain("McpIdentity.Server.Tokens.Grants.SpendAsync 100.0 %"));
        Assert.That(FlameGraph.Draw("refresh <with> rotation", Stacks.Parse(Script)), Is.EqualTo(graph));
    }

    [Test]
    public void Two_columns_are_compared_slice_by_slice()
    {
        // Both became three times as dear in the second slice: the machine did something else.
        var (mine, bare) = (Of(200, 600, 210), Of(100, 300, 100));

        Assert.That(mine.Ratio(bare), Is.EqualTo(2).Within(0.001));
        Assert.That(mine.CpuMicroseconds, Is.EqualTo(210));

        static Series Of(params double[] costs) => new([.. costs.Select(cost => new Figures(cost, 1, TimeSpan.Zero, TimeSpan.Zero, 0, 0, null))]);
    }

    [Test]
    public void Each_row_has_its_flame_graph_small_enough_to_look_at()
    {
        foreach (var operation in Bench.Operations.All)
        {
            var graph = new FileInfo(Path.Combine(Graphs, operation.Key + ".svg"));
            Assert.That(graph, Does.Exist, $"bench profile --only {operation.Key}");
            Assert.That(graph.Length, Is.LessThan(150_000), graph.Name);
        }
    }
}
