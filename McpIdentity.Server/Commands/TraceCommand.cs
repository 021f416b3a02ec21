using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using McpIdentity.Server.Administration;

namespace McpIdentity.Server.Commands;

/// <summary><c>trace</c>: why somebody cannot connect (docs/audit.md, "Why somebody cannot connect").</summary>
internal static class TraceCommand
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly Option<bool> All = new("--all") { Description = "Every flow that is known, the newest first; otherwise the last that failed, else the last." };

    public static Command Create() => CommandLine.AdminVerb(
        "trace",
        "Shows what happened on the way of a connection, and why it did not work: of a person (e-mail address, name or id), a client (id, name or host), a flow, a grant, or the reference of a page.",
        "trace anna@example.com", RunAsync, takesWord: true).With(All).With(Table.Output);

    private static async Task<int> RunAsync(ParseResult parsed, AdminAccess access)
    {
        if (CommandLine.WordsOf(parsed) is not [var wanted])
        {
            await Console.Error.WriteLineAsync("Name one person, client, flow, grant or reference: trace anna@example.com");
            return ExitCode.Usage;
        }

        var (trace, problem) = await access.CallAsync<TraceView>("trace", ("of", wanted), ("all", parsed.GetValue(All) ? "true" : null));
        if (problem is not null)
        {
            return await Refusal.SayAsync(problem);
        }

        if (Table.IsJson(parsed))
        {
            Console.WriteLine(JsonSerializer.Serialize(trace!.Flows.Select(JsonOf), Json));
            return ExitCode.Ok;
        }

        Console.WriteLine(CommandLine.Printable($"{trace!.What}: {trace.Known} known, {trace.Faulty} of them with a fault."));
        foreach (var flow in trace.Flows)
        {
            Write(flow);
        }

        return ExitCode.Ok;
    }

    private static void Write(TraceFlowView flow)
    {
        Console.WriteLine();
        Console.WriteLine(CommandLine.Printable($"Flow {flow.Flow ?? "(none)"}, client {flow.ClientId ?? "-"}, person {flow.Subject ?? "-"}"));
        foreach (var step in flow.Steps)
        {
            var more = string.Join("; ", new[]
            {
                step.SameAddressOnly ? "from the same address" : null, step.Reason, step.Rule is { } rule ? $"rule {rule}" : null, step.Resource is { } resource ? $"at {resource}" : null, step.Tool,
                step.Got is { } got ? $"got {got}" : null, step.Expected is { } expected ? $"expected {expected}" : null,
            }.OfType<string>());
            Console.WriteLine(CommandLine.Printable($"  {step.Time.UtcDateTime:yyyy-MM-dd HH:mm:ss.fff}  {step.Event,-28} {(step.Result == "success" ? "" : step.Result + ": ")}{more}".TrimEnd()));
        }

        Console.WriteLine(CommandLine.Printable($"Diagnosis ({flow.Diagnosis}): {flow.Says}"));
        if (flow.Cure is not null)
        {
            Console.WriteLine(CommandLine.Printable($"What to do: {flow.Cure}"));
        }
    }

    private static object JsonOf(TraceFlowView flow) => new
    {
        flow = flow.Flow,
        client_id = flow.ClientId,
        subject = flow.Subject,
        diagnosis = flow.Diagnosis,
        says = flow.Says,
        cure = flow.Cure,
        steps = flow.Steps.Select(step => new
        {
            time = step.Time.UtcDateTime.AddTicks(-(step.Time.Ticks % TimeSpan.TicksPerMillisecond)),
            @event = step.Event,
            result = step.Result,
            reason = step.Reason,
            resource = step.Resource,
            tool = step.Tool,
            got = step.Got,
            expected = step.Expected,
            trace_id = step.TraceId,
            same_address_only = step.SameAddressOnly,
        }),
    };
}
