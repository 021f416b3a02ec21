using System.Text.Json;
using McpIdentity.Mcp.IssuerKeys;
using OpenIddict.Abstractions;
using OpenIddict.Client;
using static OpenIddict.Client.OpenIddictClientEvents;

namespace McpIdentity.Server.Federation;

/// <summary>
/// RFC 7517 §5: keys of an unknown type, without a member that they need, or for another purpose are ignored. OpenIddict would
/// refuse the whole set, and with it every sign-in.
/// </summary>
internal sealed class IgnoreForeignKeys : IOpenIddictClientHandler<HandleJsonWebKeySetResponseContext>
{
    public static OpenIddictClientHandlerDescriptor Descriptor { get; } =
        OpenIddictClientHandlerDescriptor.CreateBuilder<HandleJsonWebKeySetResponseContext>()
            .UseSingletonHandler<IgnoreForeignKeys>().SetOrder(int.MinValue).Build();

    public ValueTask HandleAsync(HandleJsonWebKeySetResponseContext context)
    {
        if ((JsonElement?)context.Response["keys"] is { } keys)
        {
            // As they are written: what is broken may be so broken that it cannot be written again. With none left OpenIddict says that there is no key.
            using var usable = JsonDocument.Parse($"[{string.Join(',', KeySet.UsableOf(keys).Select(jwk => jwk.GetRawText()))}]");
            context.Response["keys"] = new OpenIddictParameter(usable.RootElement.Clone());
        }

        return default;
    }
}
