using McpIdentity.Server.Operations;

namespace McpIdentity.Server.Doctor;

/// <summary><c>doctor --url</c>: what a client meets at any MCP server, ours or another's, with nothing known but its address.</summary>
internal static class OtherServer
{
    /// <param name="url">The endpoint, or the address of a server whose endpoint is <c>/mcp</c>.</param>
    /// <param name="client">Of <see cref="ClientVerdicts.Names"/>; null: no verdicts of single clients.</param>
    /// <param name="registers">Whether a client is registered, and deleted again.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<IReadOnlyList<CheckResult>> RunAsync(Uri url, string? client, bool registers, CancellationToken cancellationToken)
    {
        var way = await ClientWay.WalkAsync(url, cancellationToken);
        return
        [
            .. WayChecks.Judge(way),
            .. way.Challenge.IsThere ? ClientVerdicts.JudgeRevisions(way) : [],
            .. registers && way.Text("registration_endpoint") is { } endpoint ? [await DryRun.RunAsync(url, endpoint, cancellationToken)] : Array.Empty<CheckResult>(),
            .. client is null ? [] : await ClientVerdicts.JudgeAsync(way, client, url, cancellationToken),
        ];
    }
}
