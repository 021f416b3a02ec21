using System.Text.Json;
using OpenIddict.Client;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Client.OpenIddictClientEvents;

namespace McpIdentity.Server.Federation;

/// <summary>
/// JSON can hold half a surrogate pair (<c>"\ud800"</c>), which no text can: an answer with one is broken, and reading it would
/// be an exception of ours.
/// </summary>
internal sealed class RefuseUnreadableText : IOpenIddictClientHandler<HandleUserInfoResponseContext>
{
    public static OpenIddictClientHandlerDescriptor Descriptor { get; } =
        OpenIddictClientHandlerDescriptor.CreateBuilder<HandleUserInfoResponseContext>()
            .UseSingletonHandler<RefuseUnreadableText>().SetOrder(int.MinValue).Build();

    public ValueTask HandleAsync(HandleUserInfoResponseContext context)
    {
        try
        {
            foreach (var (_, value) in context.Response.GetParameters())
            {
                Read((JsonElement)value);
            }
        }
        catch (InvalidOperationException)
        {
            context.Reject(Errors.ServerError, "The answer holds text that cannot be read.");
        }

        return default;
    }

    private static void Read(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                _ = value.GetString();
                break;
            case JsonValueKind.Array:
                value.EnumerateArray().ToList().ForEach(Read);
                break;
            case JsonValueKind.Object:
                value.EnumerateObject().ToList().ForEach(member => Read(member.Value));
                break;
            default:
                break;
        }
    }
}
