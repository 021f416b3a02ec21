using System.Security.Claims;
using McpIdentity.Mcp.Credentials;

namespace McpIdentity.Mcp.Sessions;

/// <summary>One session, and who may use it. It says nothing about what they may do in it: that is decided for each message.</summary>
internal sealed class OpenSession(string id, VerifiedCaller? opener, ClaimsPrincipal user)
{
    private VerifiedCaller? _caller = opener;
    private long _used;

    public string Id { get; } = id;

    public SessionOwner Owner { get; } = SessionOwner.Of(opener);

    /// <summary>As the SDK knows the opener.</summary>
    public ClaimsPrincipal User { get; } = user;

    /// <summary>The owner by the token that was shown last: tokens are refreshed while a session lasts.</summary>
    public VerifiedCaller? Caller => Volatile.Read(ref _caller);

    /// <summary>When it was used last, by the order of uses.</summary>
    public long Used => Volatile.Read(ref _used);

    /// <param name="caller">The owner, by the token of this request.</param>
    /// <param name="order">Later uses have a higher one.</param>
    public void Use(VerifiedCaller? caller, long order)
    {
        Volatile.Write(ref _caller, caller);
        Volatile.Write(ref _used, order);
    }
}
