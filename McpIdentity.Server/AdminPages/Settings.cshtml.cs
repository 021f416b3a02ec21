using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>What is set on this node, and where it was said. Secrets are masked.</summary>
[Address(Reader.People, "GET HEAD", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class SettingsModel(SettingsActs acts) : ListPage
{
    public const string Path = Paths.Console + "/settings";

    public override string Section => Path;

    public override string Heading => "Settings";

    public override string About => "As they are in force on this node. They are changed where they stand, and a start reads them.";

    public override IReadOnlyList<ListField> Fields => [new("section", "Section", Part) { Placeholder = "OAuth" }];

    public override int Count => Settings.Count;

    [BindProperty(Name = "section", SupportsGet = true)]
    public string? Part { get; set; }

    public IReadOnlyList<SettingView> Settings { get; private set; } = [];

    public void OnGet() => Settings = acts.List(Filled(Part), Slice.All).Items;
}
