using McpIdentity.Server.Administration;
using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.AdminPages;

/// <summary>How much there is of everything, and what wants to be looked at.</summary>
[Address(Reader.People, "GET HEAD", Bucket = "account", TakesForms = true, HasScript = true)]
internal sealed class OverviewModel(Overview overview, IHostEnvironment environment, PublicAddress address) : ConsolePage
{
    public override string Section => Paths.Console;

    protected override AdminRight ToRead => AdminRight.ReadPeople;

    public OverviewView Counts { get; private set; } = null!;

    public HealthView Health { get; private set; } = null!;

    /// <summary>What everybody who administers has to know.</summary>
    public IEnumerable<string> Warnings
    {
        get
        {
            if (environment.IsDevelopment())
            {
                yield return "This server runs in Development: demo users may sign in. It is not for production.";
            }

            if (address.Issuer.StartsWith("http:", StringComparison.Ordinal) && !environment.IsDevelopment())
            {
                yield return "Clients reach this server without TLS.";
            }

            if (Counts.Clients.Waiting > 0)
            {
                yield return $"{Counts.Clients.Waiting} clients wait for approval.";
            }

            if (Counts.ToolsWaiting > 0)
            {
                yield return $"{Counts.ToolsWaiting} tools wait for a review.";
            }
        }
    }

    public async Task OnGetAsync(CancellationToken cancellationToken) =>
        (Counts, Health) = (await overview.CountAsync(cancellationToken), await overview.HealthAsync());
}
