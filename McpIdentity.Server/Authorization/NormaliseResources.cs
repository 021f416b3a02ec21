using McpIdentity.Server.Protocol;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// RFC 8707: what a client wrote for our resource becomes the canonical identifier, none becomes the only one there is,
/// and anything else is <c>invalid_target</c>, said before a code or a refresh token is spent (interop Q18, Q19).
/// </summary>
internal sealed class NormaliseResources(ProtectedResource resource) :
    IOpenIddictServerHandler<ValidateAuthorizationRequestContext>,
    IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public static OpenIddictServerHandlerDescriptor ForAuthorization { get; } =
        OpenIddictServerHandlerDescriptor.CreateBuilder<ValidateAuthorizationRequestContext>()
            .UseSingletonHandler<NormaliseResources>().SetOrder(int.MinValue + 1).Build();

    public static OpenIddictServerHandlerDescriptor ForToken { get; } =
        OpenIddictServerHandlerDescriptor.CreateBuilder<ValidateTokenRequestContext>()
            .UseSingletonHandler<NormaliseResources>().SetOrder(int.MinValue + 1).Build();

    public ValueTask HandleAsync(ValidateAuthorizationRequestContext context) => Normalise(context.Request, context);

    public ValueTask HandleAsync(ValidateTokenRequestContext context) => Normalise(context.Request, context);

    private ValueTask Normalise(OpenIddictRequest request, BaseValidatingContext context)
    {
        if (request.GetResources().All(resource.IsMeantBy))
        {
            request.Resources = [resource.Canonical];
        }
        else
        {
            context.Reject(Errors.InvalidTarget, $"The resource is not served here; this server issues tokens for {resource.Canonical}.");
        }

        return default;
    }
}
