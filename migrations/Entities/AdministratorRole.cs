namespace McpIdentity.Migrations.Entities;

/// <summary>What a person may do in the console and at the admin API, where that was granted while the server ran; what the settings grant has no row.</summary>
public sealed class AdministratorRole
{
    public required string UserId { get; set; }

    /// <summary><c>owner</c>, <c>operator</c>, <c>auditor</c> or <c>helpdesk</c>.</summary>
    public required string Role { get; set; }

    public DateTimeOffset GrantedAt { get; set; }

    /// <summary>The operator who did, or the link of the first start.</summary>
    public required string GrantedBy { get; set; }
}
