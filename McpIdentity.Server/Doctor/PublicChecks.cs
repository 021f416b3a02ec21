using System.Text.Json;
using McpIdentity.Mcp;
using McpIdentity.Server.Hosting;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Doctor;

/// <summary>The server that runs, asked as its clients ask it: through the public address, with whatever stands before it.</summary>
internal static class PublicChecks
{
    private static readonly Check Running = new("server.running", Verdict.Note, "Does a server run with these settings?", "Start it, and ask again: what only a running one shows was not looked at.", "docs/operations.md, \"Health\"");
    private static readonly Check Healthy = new("server.health", Verdict.Fail, "Does it say that it has all that it needs?", "Its log says what each component lacks.", "docs/operations.md, \"Health\"");
    private static readonly Check Reach = new("public.reach", Verdict.Fail, "Does the public address lead to an authorization server?", "Is Server:PublicBaseUrl (OAUTH_BASE_URL) right, does the proxy hand every path on, and does this machine find that name? Else ask from another machine: doctor --url.", "docs/production.md, \"Behind a reverse proxy\"");
    private static readonly Check Same = new("public.same", Verdict.Fail, "Does it lead to this installation, and no other?", "Have the name and the proxy lead here: another installation answers under this address.", "docs/interoperability.md, \"Public address behind a proxy\"");
    private static readonly Check Fronted = new("servers.challenge", Verdict.Fail, "Is each server behind this one found by clients at its address here?", "Does the proxy hand on every path, those below /.well-known too, and the header WWW-Authenticate?", "RFC 9728 §5.1");

    public static Examination Examination { get; } = new([Running, Healthy, Reach, Same, .. PageChecks.Checks, .. WayChecks.Checks, Fronted], RunAsync);

    private static async Task<IReadOnlyList<CheckResult>> RunAsync(Patient patient, CancellationToken cancellationToken)
    {
        var local = LocalEndpoint.From(patient.Get<IConfiguration>());
        using var http = local.CreateClient(Asking.Within);
        var health = await AskAsync(http, Paths.Health, cancellationToken);
        if (health is null)
        {
            return [Running.Note($"no server answers at {local}")];
        }

        List<CheckResult> results = [Running.Pass($"a server answers at {local}"), JudgeHealth(health.Value)];
        var server = patient.Get<IOptions<ServerOptions>>().Value;
        var url = new Uri(server.PublicBaseUrl!);
        if (patient.Get<ServerSettings>().OAuth.Enabled)
        {
            using var asking = new Asking(url);
            var metadata = await Document.ReadAsync(asking, server.PublicBaseUrl + Paths.ServerMetadata("")[0], cancellationToken);
            results.Add(Reach.Judge(metadata.Json is not null, $"{server.PublicBaseUrl} leads to an authorization server", $"{metadata}"));
            if (metadata.Json is null)
            {
                return results;
            }

            var keys = await Document.ReadAsync(asking, server.PublicBaseUrl + Paths.KeySet, cancellationToken);
            var (there, here) = (KeyIds(keys.Json), KeyIds(await AskAsync(http, Paths.KeySet, cancellationToken)));
            results.Add(Same.Judge(there.Intersect(here).Any(), "it leads here: its keys are this installation's", $"the keys that {server.PublicBaseUrl} publishes are not this installation's"));
            results.AddRange(await PageChecks.RunAsync(url, cancellationToken));
        }

        if (patient.Get<IOptions<McpOptions>>().Value is { Enabled: true } mcp)
        {
            results.AddRange(WayChecks.Judge(await ClientWay.WalkAsync(new Uri(server.PublicBaseUrl + mcp.Path), cancellationToken)));
        }

        var (servers, _) = await ServerChecks.ReadAsync(patient, cancellationToken);
        foreach (var fronted in servers)
        {
            results.Add(JudgeFronted(await ClientWay.WalkAsync(new Uri(server.PublicBaseUrl + fronted.Path), cancellationToken)) with { Subject = fronted.Name });
        }

        return results;
    }

    // The components are named by the server; which of them fails is all that it says.
    private static CheckResult JudgeHealth(JsonElement health)
    {
        var failing = health.TryGetProperty("checks", out var checks) && checks.ValueKind == JsonValueKind.Object
            ? checks.EnumerateObject().Where(check => check.Value.ToString() != Readiness.Ok).Select(check => check.Name).ToList()
            : [];
        var status = health.TryGetProperty("status", out var word) ? word.ToString() : "unknown";
        return status == Readiness.Ok ? Healthy.Pass("it has all that it needs")
            : status == Readiness.Degraded ? Healthy.Warn($"it is degraded: {string.Join(", ", failing)}")
            : Healthy.Bad($"it is {status}{(failing.Count > 0 ? $": {string.Join(", ", failing)}" : "")}");
    }

    private static CheckResult JudgeFronted(ClientWay way)
    {
        string[] steps = ["mcp.reach", "mcp.challenge", "mcp.resource-metadata", "resource.metadata", "resource.path-form", "resource.identifier", "resource.servers", "metadata.issuer"];
        var wrong = WayChecks.Judge(way).FirstOrDefault(result => steps.Contains(result.Id) && result.Verdict != Verdict.Pass);
        return wrong is null ? Fronted.Pass($"{way.Mcp} asks for a token and leads to its metadata") : Fronted.Bad($"{wrong.Id}: {wrong.Says}", wrong.Cure);
    }

    private static string[] KeyIds(JsonElement? set) =>
        set is { } json && json.TryGetProperty("keys", out var keys) && keys.ValueKind == JsonValueKind.Array
            ? [.. keys.EnumerateArray().Select(key => key.TryGetProperty("kid", out var kid) ? kid.ToString() : "").Where(kid => kid.Length > 0)]
            : [];

    private static async Task<JsonElement?> AskAsync(HttpClient http, string path, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await http.GetAsync(path, cancellationToken);
            using var json = await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync(cancellationToken), cancellationToken: cancellationToken);
            return json.RootElement.ValueKind == JsonValueKind.Object ? json.RootElement.Clone() : null;
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException or JsonException && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }
}
