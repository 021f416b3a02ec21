using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Roles;

namespace McpIdentity.Server.AdminPages;

/// <summary>One entry of the console's navigation.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Name">What it is called.</param>
/// <param name="Needs">Which right shows it.</param>
internal sealed record ConsoleSection(string Path, string Name, AdminRight Needs)
{
    private static readonly ConsoleSection[] All =
    [
        new(Paths.Console, "Overview", AdminRight.ReadPeople),
        new(Paths.Console + "/trace", "Why can't they connect?", AdminRight.ReadPeople),
        new(Paths.Console + "/clients", "Clients", AdminRight.ReadPeople),
        new(Paths.Console + "/registration", "Registration", AdminRight.Read),
        new(Paths.Console + "/users", "People", AdminRight.ReadPeople),
        new(Paths.Console + "/sessions", "Sessions", AdminRight.ReadPeople),
        new(Paths.Console + "/grants", "Grants", AdminRight.ReadPeople),
        new(Paths.Console + "/connections", "Connected accounts", AdminRight.ReadPeople),
        new(Paths.Console + "/tokens", "Look up a token", AdminRight.ReadPeople),
        new(Paths.Console + "/servers", "MCP servers", AdminRight.Read),
        new(Paths.Console + "/scopes", "Scopes", AdminRight.Read),
        new(Paths.Console + "/policy", "Policy", AdminRight.Read),
        new(Paths.Console + "/providers", "Sign-in", AdminRight.Read),
        new(Paths.Console + "/keys", "Keys", AdminRight.Read),
        new(Paths.Console + "/audit", "Audit", AdminRight.ReadAudit),
        new(Paths.Console + "/doctor", "Doctor", AdminRight.Read),
        new(Paths.Console + "/settings", "Settings", AdminRight.Read),
        new(Paths.Console + "/administrators", "Administrators", AdminRight.Read),
    ];

    public static IEnumerable<ConsoleSection> For(AdminRole role) => All.Where(section => role.May(section.Needs));
}
