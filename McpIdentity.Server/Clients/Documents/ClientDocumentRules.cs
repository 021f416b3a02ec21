using System.Net;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Clients.Documents;

/// <summary>Refuses hosts and networks that are none, and lifetimes that contradict each other.</summary>
internal sealed class ClientDocumentRules : IValidateOptions<OAuthServerOptions>
{
    public ValidateOptionsResult Validate(string? name, OAuthServerOptions options)
    {
        var problems = Check(options.ClientDocuments).ToList();
        return problems.Count > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }

    private static IEnumerable<string> Check(ClientDocumentOptions options)
    {
        const string section = "OAuth:ClientDocuments";
        foreach (var (setting, hosts) in new[] { (nameof(options.AllowedHosts), options.AllowedHosts), (nameof(options.BlockedHosts), options.BlockedHosts) })
        {
            foreach (var host in hosts.Where(host => !HostNames.IsOne(host)))
            {
                yield return $"{section}:{setting} has '{host}', which is no host name such as claude.ai or *.example.org: without scheme, port and path.";
            }
        }

        foreach (var network in options.AllowedNetworks.Where(network => !IPNetwork.TryParse(network, out _)))
        {
            yield return $"{section}:AllowedNetworks has '{network}', which is no network such as 10.1.2.0/24: the first address and the length of the prefix.";
        }

        foreach (var (setting, count) in new[] { (nameof(options.FetchesPerHost), options.FetchesPerHost), (nameof(options.FetchesOfUnknown), options.FetchesOfUnknown) })
        {
            if (count < 1)
            {
                yield return $"{section}:{setting} must be 1 or more (is {count}); {section}:Enabled=false switches documents off.";
            }
        }

        if (options.ShortestLifetime < TimeSpan.FromSeconds(10))
        {
            yield return $"{section}:ShortestLifetime must be at least 10 seconds: a document would be read at every request (is {options.ShortestLifetime}).";
        }

        if (options.LongestLifetime < options.ShortestLifetime)
        {
            yield return $"{section}:LongestLifetime must be at least ShortestLifetime ({options.ShortestLifetime}; is {options.LongestLifetime}).";
        }

        if (options.GoodOnError < TimeSpan.Zero || options.GoodOnError > TimeSpan.FromDays(90))
        {
            yield return $"{section}:GoodOnError must be between 00:00:00 and 90 days (is {options.GoodOnError}).";
        }
    }
}
