using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore;
using OpenIddict.Client;
using OpenIddict.Client.AspNetCore;
using static OpenIddict.Client.OpenIddictClientEvents;

namespace McpIdentity.Server.Federation;

/// <summary>Lets OpenIddict's client believe that every request came to the public address: no redirect_uri follows the Host header (SEED-037).</summary>
internal sealed class UseOwnAddress(PublicAddress address) : IOpenIddictClientHandler<ProcessRequestContext>
{
    public static OpenIddictClientHandlerDescriptor Descriptor { get; } =
        OpenIddictClientHandlerDescriptor.CreateBuilder<ProcessRequestContext>()
            .UseSingletonHandler<UseOwnAddress>()
            .SetOrder(OpenIddictClientAspNetCoreHandlers.ResolveRequestUri.Descriptor.Order + 500)
            .Build();

    public ValueTask HandleAsync(ProcessRequestContext context)
    {
        if (context.Transaction.GetHttpRequest()?.HttpContext.GetEndpoint() is null)
        {
            // What routing does not know is no callback, however OpenIddict would decode it.
            context.SkipRequest();
            return default;
        }

        context.BaseUri = new Uri(address.Issuer + "/");
        if (context.RequestUri is { } uri)
        {
            context.RequestUri = new Uri(address.UrlOf(uri.PathAndQuery));
        }

        return default;
    }
}
