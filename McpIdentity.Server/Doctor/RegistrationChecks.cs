using System.Text.Json;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Doctor;

/// <summary>Whether the clients in wide use could register, judged by the rules of the settings: nothing is registered.</summary>
internal static class RegistrationChecks
{
    private static readonly Check Rules = new("registration.rules", Verdict.Note, "Would the clients in wide use be registered as they ask for it?",
        "Widen OAuth:Registration, or make those clients yourself by a preset (OAuth:StaticClients).", "docs/registration.md, \"Who may register\"");

    private static readonly Check Documents = new("registration.documents", Verdict.Note, "Do clients that bring a document need no registration?", "Leave OAuth:ClientDocuments:Enabled on.", "docs/client-documents.md, \"Settings\"");

    public static Examination Examination { get; } = new([Rules, Documents], Run);

    private static Task<IReadOnlyList<CheckResult>> Run(Patient patient, CancellationToken cancellationToken)
    {
        var oauth = patient.Get<IOptions<OAuthServerOptions>>().Value;
        if (!oauth.Enabled)
        {
            return Task.FromResult<IReadOnlyList<CheckResult>>([]);
        }

        var policy = oauth.Registration.PolicyInForce();
        var presets = ClientPreset.ListFrom(oauth, out _).Where(preset => preset is { Id: not null, RedirectUris.Count: > 0 }).ToList();
        var refused = policy == RegistrationPolicy.Off ? presets : presets.Where(preset => IsRefused(preset, oauth.Registration)).ToList();
        return Task.FromResult<IReadOnlyList<CheckResult>>(
        [
            policy == RegistrationPolicy.Token ? Rules.Note("whoever registers needs an initial access token, which clients in wide use do not have", "Hand one out by 'clients tokens', or make those clients by a preset (OAuth:StaticClients).")
                : Rules.Judge(refused.Count == 0, $"{presets.Count} clients in wide use would be registered (by the rules: nothing was written)", $"refused would be {string.Join(", ", refused.Select(preset => preset.Id))} (OAuth:Registration:Policy is {policy})"),
            Documents.Judge(oauth.TakesClientDocuments(), "clients that are known by a document are read from it", "documents of clients are not read"),
        ]);
    }

    private static bool IsRefused(ClientPreset preset, RegistrationOptions policy)
    {
        var metadata = new ClientMetadata
        {
            ClientName = preset.Name,
            RedirectUris = [.. preset.RedirectUris!.Select(uri => JsonSerializer.SerializeToElement(uri))],
            GrantTypes = ["authorization_code", "refresh_token"],
            TokenEndpointAuthMethod = "none",
        };
        return ClientMetadataRules.Check(metadata, policy, allowClientCredentials: false) is not null || AllowedRedirectHosts.Check(metadata, policy) is not null;
    }
}
