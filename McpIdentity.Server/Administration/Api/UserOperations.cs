namespace McpIdentity.Server.Administration.Api;

internal static class UserOperations
{
    private const string One = "/users/{user_id}";

    public static void Add(AdminApi api)
    {
        api.List<UserView>(
            "/users", "list_users", AdminRight.ReadPeople, "Who has signed in, the last first.",
            async call => await call.Get<UserDirectory>().ListAsync(new UserFilter(call.Text("q"), call.Text("status"), call.Text("provider"), call.Text("called"), call.Text("sort") == "created"), call.Slice, call.Cancelled),
            AdminParameter.Text("q", "A part of the e-mail address or the name, or the user."),
            AdminParameter.Text("called", "Only the user of this identifier, or else of this e-mail address, or else of this name."),
            AdminParameter.OneOf("status", "Whether they may sign in.", "enabled", "disabled"),
            AdminParameter.Text("provider", "The sign-in provider."),
            AdminParameter.OneOf("sort", "In which order: last_sign_in (where it is absent) has the last first; created the first first, and nobody moves in it.", "last_sign_in", "created"));
        api.Get<UserDetails>(One, "get_user", AdminRight.ReadPeople, "One person, with their groups, their role, and how much they have connected.", call => call.Get<UserDirectory>().GetAsync(call["user_id"], call.Cancelled));
        api.Act<UserDetails>($"{One}/disable", "disable_user", AdminRight.Write, "Keeps somebody from signing in, and ends their sessions and everything they granted.", call => Acts(call).DisableAsync(call.By, call["user_id"], call.Cancelled));
        api.Act<UserDetails>($"{One}/enable", "enable_user", AdminRight.Write, "Lets somebody sign in again.", call => Acts(call).EnableAsync(call.By, call["user_id"], call.Cancelled));
        api.Remove(One, "remove_user", AdminRight.Write, "Forgets somebody: their sessions, their consents, their role and everything they granted. They may sign in anew.", call => Acts(call).RemoveAsync(call.By, call["user_id"], call.Cancelled));
    }

    private static UserActs Acts(AdminCall call) => call.Get<UserActs>();
}
