using System.ComponentModel.DataAnnotations;

namespace McpIdentity.Server.Administration.Api;

/// <summary>A server that is to stand behind this one.</summary>
/// <param name="Name">A short name, which is in its address: lower-case letters, digits, - and _.</param>
/// <param name="Server">What it is.</param>
internal sealed record NewServer([property: StringLength(63, MinimumLength = 1)] string Name, ServerOrder Server) : IAdminBody<NewServer>
{
    public static NewServer Example => new("notes", ServerOrder.Example);
}

/// <summary>For whom a server is asked.</summary>
/// <param name="User">With what the server gets for this person, and what the policy gives them of each tool: identifier, e-mail address or name. Absent: for this server itself.</param>
internal sealed record AskServer(string? User = null) : IAdminBody<AskServer>
{
    public static AskServer Example => new();
}

/// <summary>Which tools may be used.</summary>
/// <param name="Tools">These.</param>
/// <param name="All">All that wait for a review, as they are at this moment.</param>
internal sealed record AllowTools([property: MaxLength(1000)] IReadOnlyList<ToolChoice>? Tools = null, bool All = false) : IAdminBody<AllowTools>
{
    public static AllowTools Example => new([new ToolChoice("delete_note", "3f9a")]);
}

/// <summary>Which tools nobody may use.</summary>
/// <param name="Tools">Their names.</param>
internal sealed record BlockTools([property: MaxLength(1000)] IReadOnlyList<string> Tools) : IAdminBody<BlockTools>
{
    public static BlockTools Example => new(["delete_note"]);
}

/// <summary>The MCP servers behind this one, and their tools.</summary>
internal static class GatewayOperations
{
    public static void Add(AdminApi api)
    {
        api.List<ServerView>("/servers", "list_servers", AdminRight.Read, "Lists the MCP servers behind this one: those of the configuration, and those that were added.", async call => await call.Get<ServerActs>().ListAsync(call.Slice, call.Cancelled));
        api.Get<ServerDetails>("/servers/{server_name}", "get_server", AdminRight.Read, "All of one server but its secrets.", call => call.Get<ServerActs>().FindAsync(call["server_name"], call.Cancelled));
        api.Create<NewServer, ServerDetails>("/servers", "add_server", AdminRight.Write, "Adds a server, on every node within seconds and without a restart.", (call, body) => SaveAsync(call, body.Name, body.Server, replaces: false), server => $"/servers/{server.Name}");
        api.Replace<ServerOrder, ServerDetails>("/servers/{server_name}", "replace_server", AdminRight.Write, "Puts another description in the place of that of a server that was added. Its secrets stay where none are sent and its URL stays.", (call, body) => SaveAsync(call, call["server_name"], body, replaces: true));
        api.Remove("/servers/{server_name}", "remove_server", AdminRight.Write, "Takes a server away that was added, with what is known of its tools.", async call => (await call.Get<ServerActs>().RemoveAsync(call.By, call["server_name"], call.Cancelled)).Problem);
        api.Act<AskServer, ServerTest>("/servers/{server_name}/test", "test_server", AdminRight.Write, "Connects to a server as the gateway would, and says what it answered.", (call, body) => call.Get<ServerActs>().TestAsync(call.By, call["server_name"], body.User, call.Cancelled));
        api.Act<ForgottenClient>("/servers/{server_name}/forget-client", "forget_client", AdminRight.Write, "Forgets how this server has registered itself at a server's authorization server. Accounts that are connected stay.", async call =>
            (await call.Get<ConnectionActs>().ForgetClientAsync(call.By, call["server_name"], call.Cancelled)) is { Problem: { } problem } ? problem : new ForgottenClient(call["server_name"]));
        api.List<ToolView>("/tools", "list_tools", AdminRight.Read, "Lists the tools that servers behind this one have, and which of them may be used.",
            call => call.Get<ToolActs>().ListAsync(call.Text("server"), call.Text("state"), call.Slice, call.Cancelled),
            AdminParameter.Text("server", "Of which server: its name."), AdminParameter.OneOf("state", "In which state.", ToolActs.Open, "blocked", "new", "changed"));
        api.List<ToolChangeView>("/tool-reviews", "list_tool_reviews", AdminRight.Read, "Lists the tools that wait for a review, and what has changed of each.",
            call => call.Get<ToolActs>().ReviewAsync(call.Text("server"), call.Slice, call.Cancelled), AdminParameter.Text("server", "Of which server: its name."));
        api.Act<AllowTools, ToolDecision>("/servers/{server_name}/tools/allow", "allow_tools", AdminRight.Write, "Lets tools of a server be used as they are now.", (call, body) => call.Get<ToolActs>().AllowAsync(call.By, call["server_name"], body.Tools ?? [], body.All, call.Cancelled));
        api.Act<BlockTools, ToolDecision>("/servers/{server_name}/tools/block", "block_tools", AdminRight.Write, "Keeps tools of a server from everybody, until they are allowed.",
            (call, body) => call.Get<ToolActs>().BlockAsync(call.By, call["server_name"], [.. body.Tools.Select(name => new ToolChoice(name))], call.Cancelled));
    }

    private static async Task<Outcome<ServerDetails>> SaveAsync(AdminCall call, string name, ServerOrder order, bool replaces)
    {
        var (saved, problem) = await call.Get<ServerActs>().SaveAsync(call.By, name, order, replaces, call.Cancelled);
        return problem is null ? await call.Get<ServerActs>().FindAsync(saved!.Name, call.Cancelled) : problem;
    }
}

/// <summary>A registration that was forgotten.</summary>
/// <param name="Server">At whose authorization server.</param>
internal sealed record ForgottenClient(string Server);
