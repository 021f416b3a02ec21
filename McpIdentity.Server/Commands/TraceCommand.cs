using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Audit;

namespace McpIdentity.Server.Commands;

/// <summary><c>trace</c>: why somebody cannot connect (docs/audit.md, "Why somebody cannot connect").</summary>
internal static class TraceCommand
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly Option<bool> All = new("--all") { Description = "Every flow that is known, the newest first; otherwise the last that failed, else the last." };

    public static Command Create() => CommandLine.StorageVerb(
        "trace",
        "Shows what happened on the way of a connection, and why it did not work: of a person (e-mail address, name or id), a client (id, name or host), a flow, a grant, or the reference of a page.",
        "trace anna@example.com", RunAsync, takesWord: true).With(All).With(Table.Output);

    private static async Task<int> RunAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        if (CommandLine.WordsOf(parsed) is not [var wanted])
        {
            await Console.Error.WriteLineAsync("Name one person, client, flow, grant or reference: trace anna@example.com");
            return ExitCode.Usage;
        }

        var (trace, problem) = await services.GetRequiredService<TraceActs>().FindAsync(wanted, cancellationToken);
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        IReadOnlyList<DiagnosedFlow> shown = parsed.GetValue(All) ? trace!.Flows : [trace!.Telling];
        if (Table.IsJson(parsed))
        {
            Console.WriteLine(JsonSerializer.Serialize(shown.Select(one => JsonOf(one.Flow, one.Finding)), Json));
            return ExitCode.Ok;
        }

        Console.WriteLine(CommandLine.Printable($"{trace.What}: {trace.Known} known, {trace.Flows.Count(flow => flow.IsFaulty)} of them with a fault."));
        foreach (var (flow, finding) in shown)
        {
            Write(flow, finding);
        }

        return ExitCode.Ok;
    }

    private static void Write(TracedFlow flow, Finding finding)
    {
        Console.WriteLine();
        Console.WriteLine(CommandLine.Printable($"Flow {flow.Id ?? "(none)"}, client {flow.ClientId ?? "-"}, person {flow.Subject ?? "-"}"));
        foreach (var step in flow.Steps)
        {
            var more = string.Join("; ", new[]
            {
                step.IsOnlyNearby ? "from the same address" : null, step.Reason, step["rule"] is { } rule ? $"rule {rule}" : null, step.Row.Resource is { } resource ? $"at {resource}" : null, step.Row.Tool,
                step.Got is { } got ? $"got {got}" : null, step.Expected is { } expected ? $"expected {expected}" : null,
            }.OfType<string>());
            Console.WriteLine(CommandLine.Printable($"  {step.Row.At.UtcDateTime:yyyy-MM-dd HH:mm:ss.fff}  {step.Event,-28} {(step.IsSuccess ? "" : step.Row.Result + ": ")}{more}".TrimEnd()));
        }

        Console.WriteLine(CommandLine.Printable($"Diagnosis ({finding.Id}): {finding.Says}"));
        if (finding.Cure is not null)
        {
            Console.WriteLine(CommandLine.Printable($"What to do: {finding.Cure}"));
        }
    }

    private static object JsonOf(TracedFlow flow, Finding finding) => new
    {
        flow = flow.Id,
        client_id = flow.ClientId,
        subject = flow.Subject,
        diagnosis = finding.Id,
        says = finding.Says,
        cure = finding.Cure,
        steps = flow.Steps.Select(step => new
        {
            time = step.Row.At.UtcDateTime,
            @event = step.Event,
            result = step.Row.Result,
            reason = step.Reason,
            resource = step.Row.Resource,
            tool = step.Row.Tool,
            got = step.Got,
            expected = step.Expected,
            trace_id = step.Row.TraceId,
            same_address_only = step.IsOnlyNearby,
        }),
    };
}
