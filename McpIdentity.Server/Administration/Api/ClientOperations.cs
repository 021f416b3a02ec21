namespace McpIdentity.Server.Administration.Api;

internal static class ClientOperations
{
    private const string One = "/clients/{client_id}";

    public static void Add(AdminApi api)
    {
        api.List<ClientView>(
            "/clients", "list_clients", AdminRight.ReadPeople, "The clients.", async call =>
            {
                var sort = call.Text("sort") ?? "last_used";
                var filter = new ClientFilter { Text = call.Text("q"), Kind = call.Text("kind"), Status = call.Text("status"), Called = call.Text("called"), WithDeleted = call.Flag("deleted") == true, NeverUsed = call.Flag("never_used"), UnusedSince = call.Moment("unused_since") };
                return AdminPage<ClientView>.Of(await call.Get<ClientDirectory>().ListAsync(filter, sort, call.After, call.Slice.OneMore, call.Cancelled), call.Limit, client => ClientDirectory.KeyOf(client, sort));
            },
            AdminParameter.Text("q", "A part of the client_id, the name or a redirect URI."),
            AdminParameter.Text("called", "Only the one of this client_id, or else those of this name."),
            AdminParameter.Flag("deleted", "Those too that were deleted, and of which a row stays so that they do not come back."),
            AdminParameter.OneOf("kind", "How it came here.", ClientView.Configured, ClientView.Created, ClientView.Document, ClientView.Dynamic),
            AdminParameter.OneOf("status", "Whether it is let in.", "enabled", "disabled", "waiting"),
            AdminParameter.Flag("never_used", "Those that never got a token, or the others."),
            AdminParameter.Moment("unused_since", "Those that got no token since then."),
            AdminParameter.OneOf("sort", "In which order: last_used (where it is absent) and registered have the last first.", "last_used", "registered", "name", "client_id"));
        api.Get<ClientView>(One, "get_client", AdminRight.ReadPeople, "One client.", call => call.Get<ClientDirectory>().GetAsync(call["client_id"], call.Cancelled));
        api.Get<ClientUse>($"{One}/use", "get_client_use", AdminRight.ReadPeople, "How much a client holds at this moment.", call => call.Get<ClientDirectory>().UseAsync(call["client_id"], call.Cancelled));
        api.Create<NewClient, ClientWithSecret>("/clients", "create_client", AdminRight.Write, "Makes a client. Its secret, where it has one, is shown this once.", (call, client) => Acts(call).CreateAsync(call.By, client, call.Cancelled), made => PathOf(made.Client.ClientId));
        api.Update<ClientChange, ClientView>(One, "update_client", AdminRight.Write, "Changes a client that is neither one of the settings nor a document.", (call, change) => Acts(call).UpdateAsync(call.By, call["client_id"], change, call.Cancelled));
        api.Remove(One, "delete_client", AdminRight.Write, "Ends all that a client holds, and forgets it.", call => Acts(call).DeleteAsync(call.By, call["client_id"], call.Cancelled));
        api.Act<SecretRotation, ClientWithSecret>($"{One}/rotate-secret", "rotate_client_secret", AdminRight.Write, "Makes a new secret, shown this once; the one of before is good for a while longer.",
            (call, rotation) => Acts(call).RotateSecretAsync(call.By, call["client_id"], TimeSpan.FromHours(rotation.OverlapHours), call.Cancelled));
        api.Act<ClientDisabling, ClientView>($"{One}/disable", "disable_client", AdminRight.Write, "Refuses a client until it is enabled.", (call, how) => Acts(call).DisableAsync(call.By, call["client_id"], how.Revoke, call.Cancelled));
        api.Act<ClientView>($"{One}/enable", "enable_client", AdminRight.Write, "Lets a disabled client in again.", call => Acts(call).EnableAsync(call.By, call["client_id"], call.Cancelled));
        api.Act<ClientView>($"{One}/approve", "approve_client", AdminRight.Write, "Lets a client in that registered itself and waits.", call => Acts(call).ApproveAsync(call.By, call["client_id"], call.Cancelled));
        api.Act<ClientPruning, PrunedClients>("/clients/prune", "prune_clients", AdminRight.Write, "Forgets the clients that registered themselves and that nobody uses; only counts them unless dry_run is false.",
            async (call, pruning) => await Acts(call).PruneUnusedAsync(call.By, call.Get<TimeProvider>().GetUtcNow() - TimeSpan.FromDays(pruning.UnusedDays), pruning.DryRun, call.Cancelled));
        api.Get<ClientSnippet>(
            $"{One}/snippet", "get_client_snippet", AdminRight.ReadPeople, "How a client in wide use is told to connect as this one.", call => call.Get<ClientDirectory>().SnippetAsync(call["client_id"], call.Text("for") ?? ClientSnippet.Known[0], call.Text("resource"), call.Cancelled),
            AdminParameter.OneOf("for", "Which client in wide use; claude-code where it is absent.", [.. ClientSnippet.Known]),
            AdminParameter.Text("resource", "The MCP server; absent, the one of this server."));
    }

    private static ClientActs Acts(AdminCall call) => call.Get<ClientActs>();

    private static string PathOf(string clientId) => $"/clients/{Uri.EscapeDataString(clientId)}";
}
