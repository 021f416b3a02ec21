namespace McpIdentity.Server.Administration.Api;

/// <summary>How a new signing key begins.</summary>
/// <param name="Now">As soon as every node has read it, instead of when others' copies of the key set have expired too.</param>
/// <param name="EndOthers">For a key that has leaked: all others end when the new one begins, and every token that they signed.</param>
internal sealed record RotateKeys(bool Now = false, bool EndOthers = false) : IAdminBody<RotateKeys>
{
    public static RotateKeys Example => new();
}

/// <summary>All keys, the newest first.</summary>
/// <param name="Keys">The keys.</param>
internal sealed record KeyList(IReadOnlyList<KeyView> Keys);

/// <summary>The key set as it is published (RFC 7517 §5).</summary>
/// <param name="Keys">The public halves, the one that signs first.</param>
internal sealed record KeySetView(IReadOnlyList<PublicKeyView> Keys);

/// <summary>The keys that sign tokens.</summary>
internal static class KeyOperations
{
    public static void Add(AdminApi api)
    {
        api.Get<KeyList>("/keys", "list_keys", AdminRight.Read, "Lists the keys that sign tokens, will, or have: there are a dozen at most.", async call => new KeyList(await call.Get<KeyActs>().ListAsync(call.Cancelled)));
        api.Act<RotateKeys, KeyList>("/keys/rotate", "rotate_keys", AdminRight.WriteKeys, "Adds a key that will sign; the others verify until their tokens have expired.", async (call, body) =>
        {
            var (keys, problem) = await call.Get<KeyActs>().RotateAsync(call.By, body.Now, body.EndOthers, call.Cancelled);
            return problem is null ? new KeyList(keys!) : problem;
        });
        api.Get<KeySetView>("/key-set", "get_key_set", AdminRight.Read, "The key set as this node publishes it.", call => Task.FromResult<Outcome<KeySetView>>(new KeySetView(call.Get<KeyActs>().Published())));
    }
}
