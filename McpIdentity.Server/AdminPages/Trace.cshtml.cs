using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>Why somebody cannot connect: what happened on the way, what is wrong, and what to do.</summary>
[Address(Reader.People, "GET HEAD", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class TraceModel(TraceActs acts) : ConsolePage
{
    public const string Path = Paths.Console + "/trace";

    public override string Section => Path;

    protected override AdminRight ToRead => AdminRight.ReadPeople;

    [BindProperty(Name = "of", SupportsGet = true)]
    public string? Of { get; set; }

    public TraceResult? Result { get; private set; }

    public async Task<IActionResult> OnGetAsync(CancellationToken cancellationToken)
    {
        if (Filled(Of) is not { } wanted)
        {
            return Page();
        }

        var trace = await acts.FindAsync(wanted, cancellationToken);
        Result = trace.Value;
        Problem = trace.Problem;
        return Page();
    }

    /// <summary>The telling one first.</summary>
    public IEnumerable<DiagnosedFlow> Flows => Result is { } result ? result.Flows.Where(flow => flow != result.Telling).Prepend(result.Telling) : [];
}
