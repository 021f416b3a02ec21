using McpIdentity.Server.Protocol;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// RFC 8707: what a client wrote for a resource becomes its canonical identifier, none becomes the default, and anything
/// else is <c>invalid_target</c>. One token is for one resource. What is asked for with a code or a refresh token
/// <c>RefuseOtherResource</c> judges, where its grant is known.
/// docs/interoperability.md, "Spellings of the resource", "No resource".
/// </summary>
internal sealed class NormaliseResources(ProtectedResources resources) :
    IOpenIddictServerHandler<ValidateAuthorizationRequestContext>,
    IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(ValidateAuthorizationRequestContext context) => Normalise(context.Request, context, ofGrant: false);

    public ValueTask HandleAsync(ValidateTokenRequestContext context) => Normalise(
        context.Request, context, ofGrant: context.Request.IsAuthorizationCodeGrantType() || context.Request.IsRefreshTokenGrantType());

    private ValueTask Normalise(OpenIddictRequest request, BaseValidatingContext context, bool ofGrant)
    {
        switch (request.GetResources().Select(indicator => resources.Find(indicator)?.Identifier ?? (ofGrant && IsUri(indicator) ? indicator : null)).Distinct().ToArray())
        {
            case []:
                request.Resources = ofGrant ? null : [resources.Default.Identifier];
                break;
            case [{ } one]:
                request.Resources = [one];
                break;
            case { } asked when asked.Contains(null):
                context.Reject(Errors.InvalidTarget, $"The resource is not served here; this server issues tokens for {string.Join(", ", resources.Canonical)}.");
                break;
            default:
                context.Reject(Errors.InvalidTarget, "A token is for one resource; ask for each resource by itself.");
                break;
        }

        return default;
    }

    // RFC 8707 §2. A path alone is a file to .NET.
    private static bool IsUri(string indicator) => Uri.TryCreate(indicator, UriKind.Absolute, out var uri) && uri is { IsFile: false, Fragment: "" };
}
