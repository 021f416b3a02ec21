using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Clients;

/// <summary>
/// <c>OAuth:Registration:Policy=Approval</c>: a client that registered itself waits until an operator lets it in. Whether it
/// waits is a column, which OpenIddict's entity does not have; whoever reads a client finds it in the client's properties.
/// </summary>
internal static class ClientApproval
{
    private const string Property = "awaiting_approval";

    /// <summary>Says that a client waits, on a copy that is only read.</summary>
    public static void Mark(OpenIddictEntityFrameworkCoreApplication copy)
    {
        var properties = JsonNode.Parse(copy.Properties ?? "{}")!.AsObject();
        properties[Property] = true;
        copy.Properties = properties.ToJsonString();
    }

    /// <param name="properties">OpenIddict's properties of the client, as the manager hands it out.</param>
    public static bool IsAwaited(ImmutableDictionary<string, JsonElement> properties) => properties.ContainsKey(Property);

    /// <summary>Whether an approved client has become another: under another name, with its answers sent elsewhere, or able to do more.</summary>
    public static bool IsNeededFor(ClientInformation now, ClientInformation before) =>
        now.ClientName != before.ClientName || now.TokenEndpointAuthMethod != before.TokenEndpointAuthMethod ||
        (now.RedirectUris ?? []).Except(before.RedirectUris ?? []).Any() || now.GrantTypes.Except(before.GrantTypes).Any();
}
