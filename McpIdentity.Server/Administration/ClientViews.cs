using System.Text.Json;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Clients.Statements;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Administration;

/// <summary>A client, as operators see it; of its secrets nothing.</summary>
/// <param name="ClientId">The client_id.</param>
/// <param name="Name">What people read; one that registered itself chose it.</param>
/// <param name="Kind">configured (in the settings), created (by an operator, here), document (a client ID metadata document) or dynamic (it registered itself).</param>
/// <param name="Type">public or confidential.</param>
/// <param name="Status">enabled, disabled, waiting to be approved; or deleted, where those are asked for too.</param>
/// <param name="ApplicationType">native or web.</param>
/// <param name="RedirectUris">Where its answers may go.</param>
/// <param name="GrantTypes">Which grants it may use.</param>
/// <param name="Permissions">All that it may use, in OpenIddict's words.</param>
/// <param name="Resources">The MCP servers whose access tokens it may introspect.</param>
/// <param name="PreApproved">Nobody is asked whether it may act for them.</param>
/// <param name="PreviousSecretUntil">How long the secret of before its last one is good.</param>
/// <param name="RegisteredAt">Since when it is here; absent for one of the settings.</param>
/// <param name="CreatedBy">The operator who made it.</param>
/// <param name="LastUsedAt">When it last got a token, to within an hour.</param>
/// <param name="DisabledAt">Since when it is refused.</param>
/// <param name="WaitingSince">Since when it waits to be approved.</param>
/// <param name="RegisteredWith">The initial access token, or the issuer of the software statement, that vouched for it.</param>
[ChangesByUse("last_used_at")]
internal sealed record ClientView(
    string ClientId, string? Name, string Kind, string Type, string Status, string? ApplicationType, IReadOnlyList<string> RedirectUris, IReadOnlyList<string> GrantTypes, IReadOnlyList<string> Permissions, IReadOnlyList<string> Resources,
    bool PreApproved, DateTimeOffset? PreviousSecretUntil, DateTimeOffset? RegisteredAt, string? CreatedBy, DateTimeOffset? LastUsedAt, DateTimeOffset? DisabledAt, DateTimeOffset? WaitingSince, string? RegisteredWith)
{
    public const string Configured = "configured";
    public const string Created = "created";
    public const string Document = "document";
    public const string Dynamic = "dynamic";

    // Without proof of its identity people should be asked. The settings are warned of the same at each start.
    private const string AnyProgramIsApproved =
        "Any program on a person's computer can get tokens as this client, and nobody is asked: it is pre-approved, has no secret, and its answers go to the computer itself (RFC 8252 §8.6). Let people be asked, or give it an https address elsewhere.";

    /// <summary>What an operator should know of it; absent where there is nothing.</summary>
    public IReadOnlyList<string>? Warnings { get; init; }

    /// <param name="row">The client as it is stored.</param>
    public static ClientView Of(ClientRow row)
    {
        var client = row.Client;
        var properties = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(client.Properties ?? "{}")!;
        var permissions = ListIn(client.Permissions);
        var origin = OperatorClients.Of(properties);
        var view = new ClientView(
            client.ClientId!, client.DisplayName,
            properties.ContainsKey(StaticClients.ConfiguredProperty) ? Configured : origin is not null ? Created : client.ClientId!.StartsWith("https://", StringComparison.Ordinal) ? Document : Dynamic,
            client.ClientType ?? ClientTypes.Public, ClientDeletion.IsDeleted(client.Properties) ? "deleted" : row.DisabledAt is not null ? "disabled" : row.WaitingSince is not null ? "waiting" : "enabled", client.ApplicationType,
            ListIn(client.RedirectUris), Named(permissions, OpenIddictConstants.Permissions.Prefixes.GrantType), permissions, Named(permissions, OpenIddictConstants.Permissions.Prefixes.Resource),
            properties.ContainsKey(StaticClients.PreApprovedProperty), PreviousSecret.Of(properties)?.Until, row.RegisteredAt ?? origin?.At, origin?.By, row.LastUsedAt, row.DisabledAt, row.WaitingSince,
            string.Join(", ", ((string?[])[InitialAccessTokens.NameIn(client.Properties), SoftwareStatement.In(client.Properties)?.Issuer]).OfType<string>()) is { Length: > 0 } with ? with : null);
        return view with { Warnings = view.PreApproved && view.Type == ClientTypes.Public && view.RedirectUris.Any(Clients.RedirectUris.LeadsToAnyProgram) ? [AnyProgramIsApproved] : null };
    }

    private static string[] Named(IEnumerable<string> permissions, string prefix) =>
        [.. permissions.Where(permission => permission.StartsWith(prefix, StringComparison.Ordinal)).Select(permission => permission[prefix.Length..])];

    private static string[] ListIn(string? json) => json is null ? [] : JsonSerializer.Deserialize<string[]>(json)!;
}

/// <summary>A stored client with the columns that OpenIddict does not know.</summary>
internal sealed record ClientRow(OpenIddictEntityFrameworkCoreApplication Client, DateTimeOffset? RegisteredAt, DateTimeOffset? LastUsedAt, DateTimeOffset? DisabledAt, DateTimeOffset? WaitingSince);

/// <summary>Which clients a list shall have.</summary>
internal sealed record ClientFilter
{
    /// <summary>A part of the client_id, the name or a redirect URI, in any case.</summary>
    public string? Text { get; init; }

    /// <summary>Which an operator means by it (<see cref="OperatorNames"/>).</summary>
    public string? Called { get; init; }

    /// <summary>Those too that were deleted, and of which a row is left.</summary>
    public bool WithDeleted { get; init; }

    /// <summary>A kind, as <see cref="ClientView.Kind"/> has them.</summary>
    public string? Kind { get; init; }

    /// <summary>A status, as <see cref="ClientView.Status"/> has them.</summary>
    public string? Status { get; init; }

    /// <summary>Only those that never got a token, or only the others.</summary>
    public bool? NeverUsed { get; init; }

    /// <summary>Only those that got no token since then.</summary>
    public DateTimeOffset? UnusedSince { get; init; }
}

/// <summary>A client, and its secret where one was made: it is shown once.</summary>
/// <param name="Client">The client.</param>
/// <param name="ClientSecret">Its new secret. It cannot be read again.</param>
internal sealed record ClientWithSecret(ClientView Client, string? ClientSecret);

/// <summary>How much a client holds.</summary>
/// <param name="Grants">How many accesses that people gave it are good.</param>
internal sealed record ClientUse(int Grants);

/// <summary>Clients that nobody uses, and are forgotten.</summary>
/// <param name="DryRun">They were only counted.</param>
/// <param name="Count">How many there are.</param>
/// <param name="ClientIds">The first of them.</param>
internal sealed record PrunedClients(bool DryRun, int Count, IReadOnlyList<string> ClientIds);
