using System.Net;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Outbound;

namespace McpIdentity.Server.Doctor;

/// <summary>Whether a certain client, or one of a certain revision of MCP, would come through to the sign-in, and where it would end.</summary>
internal static class ClientVerdicts
{
    private static readonly Check ClaudeCode = OfClient("claude-code", "Claude Code", "Claude Code");
    private static readonly Check Claude = OfClient("claude", "Claude and Claude Desktop", "Claude and Claude Desktop");
    private static readonly Check VisualStudioCode = OfClient("vscode", "VS Code", "VS Code");
    private static readonly Check Cursor = OfClient("cursor", "Cursor", "Cursor");
    private static readonly Check ChatGpt = OfClient("chatgpt", "ChatGPT", "ChatGPT");
    private static readonly Check Inspector = OfClient("inspector", "the MCP Inspector", "MCP Inspector");

    private static readonly Check Revision1 = OfRevision("2025-03-26", "RFC 8414 §3.1");
    private static readonly Check Revision2 = OfRevision("2025-06-18", "RFC 9728 §5.1");
    private static readonly Check Revision3 = OfRevision("2025-11-25", "RFC 9728 §3.1");
    private static readonly Check Revision4 = OfRevision("2026-07-28", "RFC 8414 §3.3");

    // A registration with each client's own redirect URIs is not tried here: 'registration.dry-run' is.
    private static readonly (Check Check, Client Client)[] Clients =
    [
        (ClaudeCode, new("claude-code") { TakesDocument = true, Static = "claude mcp add --transport http --client-id ID --callback-port 7777 NAME URL" }),
        (Claude, new("claude") { TakesDocument = true, IsHosted = true, Static = "the client id and secret under Advanced settings of the connector" }),
        (VisualStudioCode, new("vscode") { TakesDocument = true, WantsExactResource = true, Static = "\"oauth\": { \"clientId\": \"ID\" } in mcp.json" }),
        (Cursor, new("cursor") { Static = "\"auth\": { \"CLIENT_ID\": \"ID\" } in mcp.json" }),
        (ChatGpt, new("chatgpt") { TakesDocument = true, IsHosted = true, Static = "a client that you define for the connector" }),
        (Inspector, new("inspector") { TakesDocument = true, IsInBrowser = true, Static = "the client id in its authentication settings" }),
    ];

    public static IReadOnlyList<Check> Checks { get; } = [.. Clients.Select(client => client.Check), Revision1, Revision2, Revision3, Revision4];

    /// <summary>For <c>--client</c>.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Clients.Select(client => client.Client.Name), "all"];

    /// <param name="way">What was met.</param>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="given">The URL as people would give it to their client.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<IReadOnlyList<CheckResult>> JudgeAsync(ClientWay way, string name, Uri given, CancellationToken cancellationToken)
    {
        var results = new List<CheckResult>();
        foreach (var (check, client) in Clients.Where(client => name == "all" || client.Client.Name == name))
        {
            results.Add(await JudgeAsync(way, check, client, given, cancellationToken));
        }

        return results;
    }

    /// <summary>Of each revision of MCP.</summary>
    public static IReadOnlyList<CheckResult> JudgeRevisions(ClientWay way)
    {
        var isAsked = way.Challenge.Status == HttpStatusCode.Unauthorized;
        var hasPkce = way.Has("code_challenge_methods_supported", "S256");
        return
        [
            Revision1.Judge(isAsked && way.AtOrigin.Json is not null, "it finds the authorization server at the endpoint's own origin", $"it knows no other place than {way.AtOrigin}"),
            Revision2.Judge(isAsked && way.NamedResource?.Json is not null && way.OAuth.Json is not null, "it finds its way by the 401 and RFC 8414",
                !isAsked ? "it is not asked for a token" : way.NamedResource?.Json is null ? "the 401 leads to no metadata, and it looks nowhere else" : $"{way.OAuth}"),
            Revision3.Judge(isAsked && way.Resource is not null && way.Server is not null && hasPkce, "it finds its way",
                !isAsked ? "it is not asked for a token" : way.Resource is null ? "there is no metadata of the resource" : way.Server is null ? "there is none of the authorization server" : "S256 is not named, and it stops"),
            Revision4.Judge(isAsked && way.Resource is not null && way.Server is { } server && hasPkce && server.Text("issuer") == way.Issuer, "it finds its way, under one issuer",
                !isAsked ? "it is not asked for a token" : way.Resource is null ? "there is no metadata of the resource" : way.Server is null ? "there is none of the authorization server" : hasPkce ? $"the issuer is '{way.Text("issuer")}' and not '{way.Issuer}', and it stops" : "S256 is not named, and it stops"),
        ];
    }

    private static async Task<CheckResult> JudgeAsync(ClientWay way, Check check, Client client, Uri given, CancellationToken cancellationToken)
    {
        if (client.IsHosted && await NotPublicAsync(given, cancellationToken) is { } why)
        {
            return check.Bad($"ends at mcp.reach: {why}", "Give it an https address at port 443 that the internet reaches.");
        }

        if (WhereItEnds(way, client) is { } end)
        {
            return check.Bad($"ends at {end.Id}: {end.Says}", end.Cure);
        }

        return client.TakesDocument && way.TakesDocuments ? check.Pass("comes to the sign-in, known by its document")
            : way.Text("registration_endpoint") is not null ? check.Pass("comes to the sign-in, by registering itself")
            : check.Warn("ends at metadata.registration: it cannot become known by itself", $"Make a client for it, and give it that: {client.Static}.");
    }

    // The same judgement as of the step itself, so that both always say the same.
    private static CheckResult? WhereItEnds(ClientWay way, Client client)
    {
        string[] needed = ["mcp.reach", "mcp.certificate", "mcp.challenge", "resource.metadata", "resource.servers", "metadata.oauth", "metadata.issuer", "metadata.endpoints", "metadata.pkce", "token.errors"];
        var results = WayChecks.Judge(way);
        return results.FirstOrDefault(result => (needed.Contains(result.Id) && result.Verdict == Verdict.Fail) ||
            (result.Id == "mcp.challenge" && result.Verdict == Verdict.Warn) ||
            (result.Id == "resource.identifier" && (result.Verdict == Verdict.Fail || (client.WantsExactResource && result.Verdict == Verdict.Warn))) ||
            (client.IsInBrowser && result.Id.StartsWith("cors.", StringComparison.Ordinal) && result.Verdict != Verdict.Pass));
    }

    // Such a client does not run on the person's computer but with its maker.
    private static async Task<string?> NotPublicAsync(Uri mcp, CancellationToken cancellationToken)
    {
        if (mcp.Scheme != "https" || mcp.Port != 443)
        {
            return $"it runs with its maker, and asks for https at port 443; this is {mcp.GetLeftPart(UriPartial.Authority)}";
        }

        try
        {
            var addresses = await Dns.GetHostAddressesAsync(mcp.IdnHost, cancellationToken);
            return addresses.FirstOrDefault(SpecialUseAddresses.Contain) is { } address ? $"it runs with its maker, and {mcp.Host} is {address}, which the internet does not reach" : null;
        }
        catch (System.Net.Sockets.SocketException)
        {
            return $"{mcp.Host} has no address";
        }
    }

    private static Check OfClient(string name, string words, string heading) =>
        new($"client.{name}", Verdict.Fail, $"Does {words} come as far as the sign-in?", "Mend the step at which it ends.", $"docs/clients.md, \"{heading}\"");

    private static Check OfRevision(string revision, string section) =>
        new($"revision.{revision}", Verdict.Warn, $"Does a client of MCP {revision} find its way to the sign-in?", "Mend the step at which it ends, or ask its people for a newer client.", section);

    private sealed record Client(string Name)
    {
        public bool TakesDocument { get; init; }

        public bool IsHosted { get; init; }

        public bool IsInBrowser { get; init; }

        public bool WantsExactResource { get; init; }

        /// <summary>How it is told of a client that was made for it.</summary>
        public required string Static { get; init; }
    }
}
