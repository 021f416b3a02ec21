namespace McpIdentity.Server.Settings;

/// <summary>Who may register clients.</summary>
internal enum RegistrationPolicy
{
    /// <summary>Nobody: <c>/register</c> is not served.</summary>
    Off,

    /// <summary>Whoever presents an initial access token, or has a software statement that vouches for the client.</summary>
    Token,

    /// <summary>Clients whose answers go to known hosts alone.</summary>
    Hosts,

    /// <summary>Anybody, and an operator lets each client in.</summary>
    Approval,

    /// <summary>Anybody.</summary>
    Open,
}
