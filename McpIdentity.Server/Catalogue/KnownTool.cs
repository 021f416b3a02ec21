using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Catalogue;

/// <summary>What this node knows of one tool. It never changes; another takes its place.</summary>
/// <param name="Seen">As it was seen last.</param>
/// <param name="FirstHash">The hash of how it was seen first.</param>
/// <param name="ReviewedHash">The hash of how an operator allowed it last; null: none has.</param>
/// <param name="State">What an operator has said of it.</param>
internal sealed record KnownTool(CatalogueTool Seen, string FirstHash, string? ReviewedHash, GatewayToolState State)
{
    /// <summary>As it is trusted, where that is not as it was seen last, and is kept.</summary>
    public CatalogueTool? Trusted { get; init; }

    /// <summary>A hash of the bytes of the list that had it last on this node: who sends the same again is not read again.</summary>
    public byte[] Bytes { get; init; } = [];

    /// <summary>When this node last saw that it had changed.</summary>
    public DateTimeOffset ChangedAt { get; init; }

    /// <summary>What it is compared with.</summary>
    public string TrustedHash => ReviewedHash ?? FirstHash;

    /// <summary>Whether nobody may use it for now.</summary>
    public bool IsHeld(ToolReview review) => State == GatewayToolState.Blocked || review switch
    {
        ToolReview.Changed => Seen.Hash != TrustedHash,
        ToolReview.New => Seen.Hash != ReviewedHash,
        _ => false,
    };

    /// <summary>It as rules judge it: where changes wait for a review, as it was before them.</summary>
    public CatalogueTool JudgedBy(ToolReview review) => review == ToolReview.None ? Seen : Trusted ?? Seen;

    /// <summary>Whether it is there to be reviewed: it is held, and not because somebody wants it so.</summary>
    public bool IsWaiting(ToolReview review) => State != GatewayToolState.Blocked && IsHeld(review);
}
