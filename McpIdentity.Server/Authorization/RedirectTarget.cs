namespace McpIdentity.Server.Authorization;

/// <summary>Says in plain words where a redirect URI leads, host first: the part that a client cannot invent.</summary>
internal static class RedirectTarget
{
    public static string Describe(string redirectUri)
    {
        var uri = new Uri(redirectUri);
        return uri.Scheme switch
        {
            "http" or "https" when uri.IsLoopback => $"a program on this computer ({uri.Authority})",
            "http" or "https" => uri.Authority,
            _ => $"the app that opens {uri.Scheme} links",
        };
    }
}
