using McpIdentity.Server.Protocol;
using McpIdentity.Server.Roles;

namespace McpIdentity.Server.Administration;

/// <summary>What an operation asks of whoever calls it.</summary>
internal enum AdminRight
{
    /// <summary>Sees people, clients, sessions, grants and connections.</summary>
    ReadPeople,

    /// <summary>Ends sessions, grants and connections.</summary>
    EndAccess,

    /// <summary>Sees everything else.</summary>
    Read,

    /// <summary>Reads and exports the audit.</summary>
    ReadAudit,

    /// <summary>Changes clients, people, servers, tools and how clients register.</summary>
    Write,

    /// <summary>Changes the policy.</summary>
    WritePolicy,

    /// <summary>Changes the signing keys.</summary>
    WriteKeys,

    /// <summary>Says who has which role.</summary>
    WriteRoles,
}

/// <summary>Which role may do what, and with which scope a token may: the one table.</summary>
internal static class AdminRights
{
    /// <summary>How long ago somebody may have signed in who changes keys or roles (RFC 9470).</summary>
    public static readonly TimeSpan Fresh = TimeSpan.FromMinutes(10);

    private static readonly AdminRight[] OfHelpdesk = [AdminRight.ReadPeople, AdminRight.EndAccess];
    private static readonly AdminRight[] OfAuditor = [AdminRight.ReadPeople, AdminRight.Read, AdminRight.ReadAudit];
    private static readonly AdminRight[] OfOperator = [.. OfAuditor, AdminRight.EndAccess, AdminRight.Write];

    public static bool May(this AdminRole role, AdminRight right) => role switch
    {
        AdminRole.Owner => true,
        AdminRole.Operator => OfOperator.Contains(right),
        AdminRole.Auditor => OfAuditor.Contains(right),
        _ => OfHelpdesk.Contains(right),
    };

    /// <summary>The scope that a token needs.</summary>
    public static string ScopeOf(AdminRight right) => right switch
    {
        AdminRight.ReadPeople or AdminRight.Read => ServerScopes.AdminRead,
        AdminRight.ReadAudit => ServerScopes.AuditRead,
        AdminRight.WriteKeys => ServerScopes.AdminKeys,
        _ => ServerScopes.AdminWrite,
    };

    /// <summary>Whether whoever does it has to have signed in a moment ago.</summary>
    public static bool NeedsFreshSignIn(AdminRight right) => right is AdminRight.WriteKeys or AdminRight.WriteRoles;

    /// <summary>Whether a sign-in is that young; of one that no provider dated nobody knows.</summary>
    public static bool IsFresh(DateTimeOffset? signedInAt, DateTimeOffset now) => now - signedInAt <= Fresh;

    /// <summary>Whether only a person may do it: no service gives itself or others a role.</summary>
    public static bool IsForPeopleOnly(AdminRight right) => right is AdminRight.WriteRoles;
}
