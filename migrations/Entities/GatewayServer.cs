namespace McpIdentity.Migrations.Entities;

/// <summary>An MCP server behind this one that an operator added while it ran, beside those of the configuration.</summary>
public sealed class GatewayServer
{
    /// <summary>As in <c>Gateway:Servers</c>.</summary>
    public required string Name { get; set; }

    /// <summary>An entry of <c>Gateway:Servers</c> as JSON, encrypted under the encryption key: it may hold what the server knows us by.</summary>
    public required string Document { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset UpdatedAt { get; set; }

    /// <summary>Who wrote it last: the user of the operating system, and the machine.</summary>
    public required string UpdatedBy { get; set; }
}
