using System.Collections.Frozen;
using System.Collections.Immutable;
using McpIdentity.Server.Protocol;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// RFC 6749 §3.1, §3.2: a parameter that the endpoint does not know is ignored, and one without a value is as good as absent.
/// OpenIddict refuses some that it knows from elsewhere (<c>audience</c>), and reads an empty <c>resource</c> as a resource.
/// What stays refused has a line in docs/spec-divergences.md.
/// </summary>
internal sealed class IgnoreUnknownParameters :
    IOpenIddictServerHandler<ValidateAuthorizationRequestContext>,
    IOpenIddictServerHandler<ValidateTokenRequestContext>,
    IOpenIddictServerHandler<ValidateIntrospectionRequestContext>,
    IOpenIddictServerHandler<ValidateRevocationRequestContext>,
    IOpenIddictServerHandler<ValidateUserInfoRequestContext>
{
    public ValueTask HandleAsync(ValidateAuthorizationRequestContext context)
    {
        Keep(context.Request, KnownParameters.Authorize);

        // OpenID Connect Core §3.1.2.1: a prompt that is not understood is better ignored. "none" beside anything is refused.
        var prompts = context.Request.GetPromptValues();
        if (!prompts.Contains(PromptValues.None) && prompts.Any(prompt => !context.Options.PromptValues.Contains(prompt)))
        {
            context.Request.Prompt = string.Join(' ', prompts.Where(context.Options.PromptValues.Contains)) is { Length: > 0 } known ? known : null;
        }

        return default;
    }

    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        Keep(context.Request, KnownParameters.Token(context.Request.GrantType));
        return default;
    }

    public ValueTask HandleAsync(ValidateIntrospectionRequestContext context)
    {
        Keep(context.Request, KnownParameters.OneToken);
        return default;
    }

    public ValueTask HandleAsync(ValidateRevocationRequestContext context)
    {
        Keep(context.Request, KnownParameters.OneToken);
        return default;
    }

    public ValueTask HandleAsync(ValidateUserInfoRequestContext context)
    {
        Keep(context.Request, KnownParameters.UserInfo);
        return default;
    }

    private static void Keep(OpenIddictRequest request, FrozenSet<string>? known)
    {
        foreach (var (name, value) in request.GetParameters())
        {
            if (known?.Contains(name) == false || WithoutEmpty(value) is not { Length: > 0 } values)
            {
                request.RemoveParameter(name);
            }
            else if (name == Parameters.Resource)
            {
                request.Resources = values;
            }
        }
    }

    private static ImmutableArray<string?>? WithoutEmpty(OpenIddictParameter value) =>
        ((ImmutableArray<string?>?)value)?.RemoveAll(string.IsNullOrEmpty);
}
