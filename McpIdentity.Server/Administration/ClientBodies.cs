using System.ComponentModel.DataAnnotations;
using McpIdentity.Server.Administration.Api;

namespace McpIdentity.Server.Administration;

/// <summary>A client to be made.</summary>
/// <param name="Kind">service: it speaks for itself, with a secret. app: people let it act for them.</param>
/// <param name="Name">What people read.</param>
/// <param name="ClientId">Of your choice; absent, one is made.</param>
/// <param name="RedirectUris">Where the answers of an app may go, compared exactly (but for the port of a loopback address).</param>
/// <param name="Preset">A client in wide use, whose name and redirect URIs are known: claude, vscode, cursor and others.</param>
/// <param name="Confidential">The app has a server that keeps a secret. A service always has one.</param>
/// <param name="Resources">The MCP servers whose access tokens it may introspect (RFC 7662).</param>
/// <param name="PreApproved">Nobody is asked whether it may act for them: you have decided it.</param>
internal sealed record NewClient(
    [property: AllowedValues(NewClient.Service, NewClient.App)] string Kind,
    string? Name = null, string? ClientId = null, IReadOnlyList<string>? RedirectUris = null, string? Preset = null, bool? Confidential = null, IReadOnlyList<string>? Resources = null, bool? PreApproved = null) : IAdminBody<NewClient>
{
    public const string Service = "service";
    public const string App = "app";

    public static NewClient Example => new(App, "Reports", RedirectUris: ["https://reports.example.com/callback"]);
}

/// <summary>What shall be different of a client; what is absent stays.</summary>
/// <param name="Name">What people read.</param>
/// <param name="RedirectUris">All of them, from now on.</param>
/// <param name="Resources">The MCP servers whose access tokens it may introspect, from now on.</param>
/// <param name="PreApproved">Whether nobody is asked whether it may act for them.</param>
internal sealed record ClientChange(string? Name = null, IReadOnlyList<string>? RedirectUris = null, IReadOnlyList<string>? Resources = null, bool? PreApproved = null) : IAdminBody<ClientChange>
{
    public static ClientChange Example => new(Name: "Reports of the desk");
}

/// <summary>How a client is disabled.</summary>
/// <param name="Revoke">Ends what it holds as well. Otherwise it gets nothing new, and access tokens are good until they expire.</param>
internal sealed record ClientDisabling(bool Revoke = true) : IAdminBody<ClientDisabling>
{
    public static ClientDisabling Example => new(Revoke: false);
}

/// <summary>How a secret is changed.</summary>
/// <param name="OverlapHours">How long the secret of before is good; 0: not at all. Absent, 24.</param>
internal sealed record SecretRotation([property: Range(0.0, 720.0)] double OverlapHours = 24) : IAdminBody<SecretRotation>
{
    public static SecretRotation Example => new(OverlapHours: 4);
}

/// <summary>Which clients are forgotten.</summary>
/// <param name="UnusedDays">Those that registered themselves and got no token for so many days. Absent, 30.</param>
/// <param name="DryRun">They are only counted, unless this is false.</param>
internal sealed record ClientPruning([property: Range(1, 3650)] int UnusedDays = 30, bool DryRun = true) : IAdminBody<ClientPruning>
{
    public static ClientPruning Example => new(UnusedDays: 90, DryRun: true);
}
