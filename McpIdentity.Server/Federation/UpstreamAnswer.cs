using Microsoft.AspNetCore;
using OpenIddict.Client;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Client.OpenIddictClientEvents;

namespace McpIdentity.Server.Federation;

/// <summary>
/// How far a sign-in came, and the provider's own words where it refused: OpenIddict keeps only the codes of the
/// specifications, and what an operator must know is in the others (SEED-088). A feature of the callback's request.
/// </summary>
internal sealed class UpstreamAnswer
{
    public string? Error { get; private set; }

    public string? ErrorDescription { get; private set; }

    /// <summary>The provider's discovery document and keys could be had.</summary>
    public bool HasMetadata { get; private set; }

    /// <summary>The token endpoint has answered without an error: what fails from here on is in the tokens.</summary>
    public bool HasTokens { get; private set; }

    /// <summary>The id_token was good, and userinfo was asked.</summary>
    public bool HasAskedUserInfo { get; private set; }

    /// <summary>The state was ours, of this browser and unused; the provider may still have refused.</summary>
    internal sealed class OfCallback : IOpenIddictClientHandler<ProcessAuthenticationContext>
    {
        public static OpenIddictClientHandlerDescriptor Descriptor { get; } =
            OpenIddictClientHandlerDescriptor.CreateBuilder<ProcessAuthenticationContext>()
                .UseSingletonHandler<OfCallback>()
                .SetOrder(OpenIddictClientHandlers.ResolveClientRegistrationFromStateToken.Descriptor.Order - 500)
                .Build();

        public ValueTask HandleAsync(ProcessAuthenticationContext context)
        {
            // Also reached without any state, where authentication is asked for outside of a callback.
            if (context.StateTokenPrincipal is not null)
            {
                context.Transaction.GetHttpRequest()?.HttpContext.Features.Set(new UpstreamAnswer
                {
                    Error = (string?)context.Request[Parameters.Error],
                    ErrorDescription = (string?)context.Request[Parameters.ErrorDescription],
                });
            }

            return default;
        }
    }

    internal sealed class OfMetadata : IOpenIddictClientHandler<ProcessAuthenticationContext>
    {
        public static OpenIddictClientHandlerDescriptor Descriptor { get; } =
            OpenIddictClientHandlerDescriptor.CreateBuilder<ProcessAuthenticationContext>()
                .UseSingletonHandler<OfMetadata>()
                .SetOrder(OpenIddictClientHandlers.ResolveClientRegistrationFromStateToken.Descriptor.Order + 1)
                .Build();

        public ValueTask HandleAsync(ProcessAuthenticationContext context)
        {
            if (context.Transaction.GetHttpRequest()?.HttpContext.Features.Get<UpstreamAnswer>() is { } answer)
            {
                answer.HasMetadata = true;
            }

            return default;
        }
    }

    internal sealed class OfToken(IHttpContextAccessor http) : IOpenIddictClientHandler<HandleTokenResponseContext>
    {
        public static OpenIddictClientHandlerDescriptor Descriptor { get; } =
            OpenIddictClientHandlerDescriptor.CreateBuilder<HandleTokenResponseContext>()
                .UseSingletonHandler<OfToken>().SetOrder(int.MinValue).Build();

        public ValueTask HandleAsync(HandleTokenResponseContext context)
        {
            if (http.HttpContext?.Features.Get<UpstreamAnswer>() is { } answer)
            {
                answer.Error = (string?)context.Response.Error;
                answer.ErrorDescription = context.Response.ErrorDescription;
                answer.HasTokens = string.IsNullOrEmpty(answer.Error);
            }

            return default;
        }
    }

    internal sealed class OfUserInfo(IHttpContextAccessor http) : IOpenIddictClientHandler<PrepareUserInfoRequestContext>
    {
        public static OpenIddictClientHandlerDescriptor Descriptor { get; } =
            OpenIddictClientHandlerDescriptor.CreateBuilder<PrepareUserInfoRequestContext>()
                .UseSingletonHandler<OfUserInfo>().SetOrder(int.MinValue).Build();

        public ValueTask HandleAsync(PrepareUserInfoRequestContext context)
        {
            if (http.HttpContext?.Features.Get<UpstreamAnswer>() is { } answer)
            {
                answer.HasAskedUserInfo = true;
            }

            return default;
        }
    }
}
