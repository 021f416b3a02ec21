using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.Account;

/// <summary>Whether the MCP servers behind this one answer: for administrators. To anybody else there is no such page.</summary>
[Address(Reader.People, "GET HEAD", Bucket = "account", TakesForms = true)]
internal sealed class ServersModel(FrontedServers servers, ServerContacts contacts) : AccountPage
{
    public IReadOnlyList<(Fronted Fronted, string State, GatewayContact? Last)> Servers { get; private set; } = [];

    public IActionResult OnGet()
    {
        if (!IsAdministrator)
        {
            return new ErrorResult(PersonError.NotFound with { Status = StatusCodes.Status404NotFound });
        }

        Servers = [.. servers.All.Select(fronted => (fronted, contacts.StateOf(fronted), contacts.Last(fronted.Server.Name)))];
        return Page();
    }
}
