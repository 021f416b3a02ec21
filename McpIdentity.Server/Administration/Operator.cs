using McpIdentity.Server.Roles;

namespace McpIdentity.Server.Administration;

/// <summary>Who administers this server at this moment.</summary>
/// <param name="Name">As it stands in the audit: the user of the operating system and the machine, an e-mail address, a client.</param>
/// <param name="UserId">The person, where it is one who has signed in; null at the command line and for services.</param>
/// <param name="Role">What they may do.</param>
/// <param name="Way">By which way they came: <c>by the command line</c>.</param>
internal sealed record Operator(string Name, string? UserId, AdminRole Role, string Way)
{
    public const string ByCommandLine = "by the command line";
    public const string ByConsole = "in the console";
    public const string ByApi = "by the admin API";
    public const string BySetupLink = "by a setup link";

    /// <summary>Who runs a verb on this machine: whoever may read the encryption key is the owner. Behind <c>sudo</c> whoever called it is named too.</summary>
    public static Operator OfThisMachine
    {
        get
        {
            var caller = Environment.GetEnvironmentVariable("SUDO_USER");
            var name = $"{Environment.UserName}{(string.IsNullOrEmpty(caller) ? "" : $" (sudo by {Mcp.Audit.ForeignText.Clean(caller)})")}@{Environment.MachineName}";
            return new Operator(name, null, AdminRole.Owner, ByCommandLine);
        }
    }
}
