namespace McpIdentity.Server.Roles;

/// <summary>What somebody may do in the console and at the admin API.</summary>
internal enum AdminRole
{
    /// <summary>Sees people, their apps and their sessions, and ends them.</summary>
    Helpdesk,

    /// <summary>Reads everything, the audit too, and changes nothing.</summary>
    Auditor,

    /// <summary>Changes everything but keys, policy, and who has which role.</summary>
    Operator,

    /// <summary>May do everything.</summary>
    Owner,
}
