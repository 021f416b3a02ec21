using McpIdentity.Server.Roles;

namespace McpIdentity.Server.Administration.Api;

/// <summary>Who calls, as the API knows them.</summary>
/// <param name="Name">An e-mail address, or a client.</param>
/// <param name="UserId">The person; absent for a service.</param>
/// <param name="Role">Their role: owner, operator, auditor, helpdesk. A service may do what its scopes say.</param>
/// <param name="Rights">What they may do, as far as their token has the scopes.</param>
internal sealed record Caller(string Name, string? UserId, string Role, IReadOnlyList<string> Rights);

internal static class CallerOperations
{
    public static void Add(AdminApi api) => api.Get<Caller>(
        "/me", "get_caller", AdminRight.ReadPeople, "Who calls, and what their role allows.",
        call => Task.FromResult<Outcome<Caller>>(new Caller(
            call.By.Name, call.By.UserId, AdminRoles.NameOf(call.By.Role),
            [.. Enum.GetValues<AdminRight>().Where(right => call.By.Role.May(right)).Select(right => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(right.ToString()))])));
}
