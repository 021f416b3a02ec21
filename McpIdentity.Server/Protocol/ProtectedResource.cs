namespace McpIdentity.Server.Protocol;

/// <summary>One resource that tokens are minted for (RFC 8707), and what they can allow there.</summary>
/// <param name="Url">Its identifier, as written.</param>
/// <param name="Scopes">Its own scopes; those about people come on top.</param>
/// <param name="DefaultScopes">What a request gets that asks for none of its own.</param>
internal sealed record ProtectedResource(Uri Url, IReadOnlyList<Scope> Scopes, IReadOnlyList<string> DefaultScopes)
{
    /// <summary>Exactly what stands in <c>aud</c>.</summary>
    public string Identifier => Url.OriginalString;

    /// <summary>What it is called in its metadata; null where nobody has said.</summary>
    public string? Name { get; init; }

    /// <summary>Which server behind this one it is (<c>Gateway:Servers</c>), whose policy holds there; null for others.</summary>
    public string? Server => Fronted?.Server;

    /// <summary>The same with what was said of it; null for others.</summary>
    public FrontedResource? Fronted { get; init; }

    /// <summary>Everything that can be granted at it, in the order of the consent page.</summary>
    public IEnumerable<Scope> Grantable => Scopes.Concat(ServerScopes.OfPeople);

    /// <summary>
    /// What a request is about, without doubles: the scopes that this resource has. A token that opens nothing at its resource
    /// helps nobody, so a request that names none of the resource's own is about the default too (RFC 6749 §3.3;
    /// docs/scopes.md). Scopes of other resources and systems are left out.
    /// </summary>
    /// <param name="requested">By the client.</param>
    /// <param name="withheld">Those that are not for who asks.</param>
    public IReadOnlyList<string> ScopesFor(IEnumerable<string> requested, IEnumerable<string>? withheld = null)
    {
        var kept = withheld?.ToHashSet(StringComparer.Ordinal) ?? [];
        var set = requested.Where(scope => !kept.Contains(scope)).ToHashSet(StringComparer.Ordinal);
        if (!Opens(set))
        {
            set.UnionWith(DefaultScopes.Where(scope => !kept.Contains(scope)));
        }

        return [.. Grantable.Select(scope => scope.Name).Where(set.Contains)];
    }

    /// <summary>Whether any of them is one of its own: a token without opens nothing here.</summary>
    public bool Opens(IEnumerable<string> scopes) => Scopes.Any(scope => scopes.Contains(scope.Name));

    /// <summary>Those of the requested that cannot be granted here.</summary>
    public IEnumerable<string> UnknownOf(IEnumerable<string> requested) =>
        requested.Except(Grantable.Select(scope => scope.Name), StringComparer.Ordinal);

    /// <summary>What a client is told that asked for one of those, where that is refused.</summary>
    public string Unknown => $"A scope that was asked for is not known at {Identifier}. It has {string.Join(", ", Grantable.Select(scope => scope.Name))}.";
}
