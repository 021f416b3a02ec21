using System.ComponentModel.DataAnnotations;
using McpIdentity.Server.Roles;

namespace McpIdentity.Server.Administration.Api;

/// <summary>Which role somebody shall have.</summary>
/// <param name="Role">owner, operator, auditor or helpdesk.</param>
internal sealed record RoleChange([property: AllowedValues("owner", "operator", "auditor", "helpdesk")] string Role) : IAdminBody<RoleChange>
{
    public static RoleChange Example => new("operator");
}

internal static class RoleOperations
{
    public static void Add(AdminApi api)
    {
        api.List<RoleHolder>("/roles", "list_roles", AdminRight.Read, "Who has which role: by the settings, and by what was granted here.", async call =>
        {
            var all = await call.Get<RoleActs>().ListAsync(call.Cancelled);
            var rest = call.After is { } after ? all.SkipWhile(holder => KeyOf(holder) != after).Skip(1) : all;
            return AdminPage<RoleHolder>.Of([.. rest.Take(call.Limit + 1)], call.Limit, KeyOf);
        });
        api.Get<RoleHolder>("/roles/{user_id}", "get_role", AdminRight.Read, "The role that somebody was granted here.", call => call.Get<RoleActs>().GetAsync(call["user_id"], call.Cancelled));
        api.Replace<RoleChange, RoleHolder>("/roles/{user_id}", "set_role", AdminRight.WriteRoles, "Grants somebody a role, in the place of the one that they were granted before.",
            (call, change) => call.Get<RoleActs>().GrantAsync(call.By, call["user_id"], AdminRoles.Parse(change.Role)!.Value, call.Cancelled));
        api.Remove("/roles/{user_id}", "remove_role", AdminRight.WriteRoles, "Takes the role that somebody was granted here.", call => call.Get<RoleActs>().RevokeAsync(call.By, call["user_id"], call.Cancelled));
    }

    private static string KeyOf(RoleHolder holder) => $"{holder.Source} {holder.Role} {holder.UserId ?? holder.Entry}";
}
