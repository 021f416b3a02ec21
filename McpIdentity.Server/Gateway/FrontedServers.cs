using McpIdentity.Mcp;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.Gate;
using McpIdentity.Mcp.Metadata;
using McpIdentity.Server.Catalogue;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Forwarder;

namespace McpIdentity.Server.Gateway;

/// <summary>The servers that this one stands before, as they are in force on this node.</summary>
internal sealed class FrontedServers(
    IOptions<GatewayOptions> options, IOptions<McpOptions> mcp, ProtectedResources resources, PolicyDecisions policy, ToolCatalogue catalogue,
    IServiceProvider services, TimeProvider time, ILoggerFactory loggers) : IDisposable
{
    private readonly Lock _changing = new();
    private CancellationTokenSource _changed = new();

    /// <summary>All of them, by name.</summary>
    public IReadOnlyList<Fronted> All { get; private set; } = [];

    /// <summary>Signalled when others are in force.</summary>
    public IChangeToken Changed => new CancellationChangeToken(_changed.Token);

    public Fronted? Find(string name) => All.FirstOrDefault(fronted => fronted.Server.Name == name);

    /// <summary>Puts in force those of the configuration and these; those that are as before keep their connections and what they have verified.</summary>
    /// <param name="stored">What was added while the program ran, without those that cannot be served (<see cref="StoredServers"/>).</param>
    public void Apply(params IEnumerable<FrontedServer> stored)
    {
        lock (_changing)
        {
            var before = All;
            All =
            [
                .. options.Value.Servers.Select(server => new FrontedServer(server.Key, server.Value)).Concat(stored).OrderBy(server => server.Name, StringComparer.Ordinal)
                    .Select(server => before.FirstOrDefault(known => ReferenceEquals(known.Server.Options, server.Options)) ?? Create(server)),
            ];
            resources.Front([.. All.Select(fronted => fronted.Server.Resource)]);
            foreach (var gone in before.Except(All))
            {
                gone.Connection.DisposeAfterCalls(time);
            }

            var changed = Interlocked.Exchange(ref _changed, new CancellationTokenSource());
            changed.Cancel(); // and not disposed: who asks for the token at this moment has it still
        }
    }

    public void Dispose()
    {
        foreach (var fronted in All)
        {
            fronted.Connection.Dispose();
        }

        _changed.Dispose();
    }

    private Fronted Create(FrontedServer server)
    {
        var rules = new FrontedRules(server, policy, catalogue);
        var limits = mcp.Value.RateLimiting;
        var at = mcp.Value.ForOther(server.Name, server.Path, new McpRateLimitOptions
        {
            Enabled = limits.Enabled,
            WindowMs = limits.WindowMs,
            MaxRequests = server.Options.MaxRequests ?? limits.MaxRequests,
            MaxToolCalls = server.Options.MaxToolCalls ?? limits.MaxToolCalls,
        });
        var addresses = new ServedAddresses(services, at, rules, options => new ResourceMetadata(options, new ExternalJwtOptions(), server.Asked, server.DisplayName));
        var connection = new UpstreamConnection(server, time, loggers.CreateLogger<UpstreamConnection>());
        var forwarding = new Forwarding(
            server, rules, connection, services.GetRequiredService<IHttpForwarder>(), services.GetRequiredService<UpstreamCredentials>(),
            services.GetRequiredService<UpstreamSessions>(), services.GetRequiredService<Unconnected>(), time, services.GetRequiredService<GatewayLog>(),
            services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
        return new Fronted(server, addresses, forwarding, connection);
    }
}

/// <summary>One server, with what stands before it.</summary>
internal sealed record Fronted(FrontedServer Server, ServedAddresses Addresses, Forwarding Forwarding, UpstreamConnection Connection)
{
    public Task InvokeAsync(HttpContext context)
    {
        var served = Addresses.For(context);
        return served.Gate.InvokeAsync(context, (http, call, access) => Forwarding.RunAsync(http, served.Credentials, call, access));
    }

    /// <summary>What it would say to a token, for an operator who looks into one.</summary>
    /// <returns>Null where it lets it in, or why not.</returns>
    public async ValueTask<string?> FindFlawAsync(string token, CancellationToken cancellationToken) =>
        (await Addresses.Usual.Credentials.CheckAsync(new PresentedCredentials(token, null, null), cancellationToken)).Refusal;

    public Task DescribeAsync(HttpContext context) => Addresses.For(context).Metadata.ServeAsync(context);
}
