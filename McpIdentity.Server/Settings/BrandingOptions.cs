namespace McpIdentity.Server.Settings;

/// <summary>Whose pages these are: the section <c>Branding</c>.</summary>
internal sealed class BrandingOptions
{
    public const string Section = "Branding";

    /// <summary>What the organisation is called, at the head of every page.</summary>
    public string Name { get; set; } = "McpIdentity";

    /// <summary>A file with the organisation's logo: PNG, SVG, JPEG, WebP or GIF, 64 KiB at most. It is served from our own address.</summary>
    public string? Logo { get; set; }

    /// <summary>Where people find help: an https address, or <c>mailto:</c>. Named on every page, and on those about an error as whom to ask.</summary>
    public string? HelpUrl { get; set; }

    /// <summary>Where people read what becomes of their data: an https address.</summary>
    public string? PrivacyUrl { get; set; }

    /// <summary>The colours of the pages by day. What is not set stays as it is.</summary>
    public BrandingColors Colors { get; } = new();

    /// <summary>The same where a browser asks for dark pages.</summary>
    public BrandingColors DarkColors { get; } = new();
}

/// <summary>Six colours, each as <c>#rrggbb</c>. Text has to be readable on what is behind it (WCAG 2.2, 1.4.3): a start refuses others.</summary>
internal sealed class BrandingColors
{
    /// <summary>Buttons and links.</summary>
    public string? Accent { get; set; }

    /// <summary>Text on a button of the colour <see cref="Accent"/>.</summary>
    public string? OnAccent { get; set; }

    /// <summary>Text.</summary>
    public string? Ink { get; set; }

    /// <summary>What is behind the text.</summary>
    public string? Paper { get; set; }

    /// <summary>What is around the page.</summary>
    public string? Ground { get; set; }

    /// <summary>Lines and the borders of fields.</summary>
    public string? Line { get; set; }

    /// <summary>The six, by the name that the style sheet has for each.</summary>
    public IEnumerable<(string Name, string? Value)> Tokens =>
        [("accent", Accent), ("on-accent", OnAccent), ("ink", Ink), ("paper", Paper), ("ground", Ground), ("line", Line)];
}
