using McpIdentity.Server.Protocol;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Authorization;

/// <summary>Lets OpenIddict believe that every request came to the public address: no URL it emits follows the Host header.</summary>
internal sealed class UsePublicAddress(PublicAddress address) : IOpenIddictServerHandler<ProcessRequestContext>
{
    public ValueTask HandleAsync(ProcessRequestContext context)
    {
        context.BaseUri = address.BaseUri;
        if (context.RequestUri is { } uri)
        {
            context.RequestUri = new Uri(address.UrlOf(uri.PathAndQuery));
        }

        return default;
    }
}
