using System.Text.Json;
using McpIdentity.Server.Roles;

namespace McpIdentity.Server.Administration.Api;

/// <summary>Who calls, as the API knows them.</summary>
/// <param name="Name">An e-mail address, or a client.</param>
/// <param name="UserId">The person; absent for a service.</param>
/// <param name="Role">Their role: owner, operator, auditor, helpdesk. A service has none, and is called so: service.</param>
/// <param name="Rights">What their role allows, or what a service is configured for, as far as their token has the scopes.</param>
internal sealed record Caller(string Name, string? UserId, string Role, IReadOnlyList<string> Rights);

internal static class CallerOperations
{
    public static void Add(AdminApi api) => api.Get<Caller>(
        "/me", "get_caller", AdminRight.ReadPeople, "Who calls, and what they may do.",
        call => Task.FromResult<Outcome<Caller>>(new Caller(
            call.By.Name, call.By.UserId, call.By.UserId is null ? "service" : AdminRoles.NameOf(call.By.Role),
            [.. Enum.GetValues<AdminRight>().Where(right => May(call, right)).Select(right => JsonNamingPolicy.SnakeCaseLower.ConvertName(right.ToString()))])));

    private static bool May(AdminCall call, AdminRight right) => call.By.UserId is null ? call.Get<AdminCallers>().MayService(call.By.Name, right) : call.By.Role.May(right);
}
