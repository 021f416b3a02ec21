using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.AdminPages;

/// <summary>What is set on this node, and where it was said. Secrets are masked.</summary>
[Address(Reader.People, "GET HEAD", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class SettingsModel(SettingsActs acts) : ConsolePage
{
    public const string Path = Paths.Console + "/settings";

    public override string Section => Path;

    [BindProperty(Name = "section", SupportsGet = true)]
    public string? Part { get; set; }

    public IReadOnlyList<SettingView> Settings { get; private set; } = [];

    public void OnGet() => Settings = acts.List(Filled(Part), Slice.All).Items;
}
