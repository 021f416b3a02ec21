using McpIdentity.Server.Pages;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Mvc;
using OpenIddict.Abstractions;
using OpenIddict.Client;
using OpenIddict.Client.AspNetCore;

namespace McpIdentity.Server.Federation;

/// <summary>Sends the browser to a provider, which sends it back to its callback; or shows why it cannot be sent.</summary>
/// <param name="provider">Where to.</param>
/// <param name="request">What the person signs in for.</param>
/// <param name="back">Where the browser goes once they have: an address of ours.</param>
/// <param name="demand">What is asked of the sign-in.</param>
internal sealed class GoToProvider(UpstreamProvider provider, SignInRequest request, string back, SignInDemand demand) : IActionResult
{
    public async Task ExecuteResultAsync(ActionContext context)
    {
        var http = context.HttpContext;
        var now = http.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
        http.Features.Set(request);
        if (provider.Id == GoogleSignIn.Scheme)
        {
            await http.ChallengeAsync(GoogleSignIn.Scheme, GoogleSignIn.Start(provider, back, demand, now));
            return;
        }

        OpenIddictConfiguration configuration;
        try
        {
            // Cached; asked for here because a challenge has no other way to say that the provider does not answer.
            configuration = await http.RequestServices.GetRequiredService<OpenIddictClientService>()
                .GetServerConfigurationByRegistrationIdAsync(provider.Id, http.RequestAborted);
        }
        catch (Exception exception) when (!http.RequestAborted.IsCancellationRequested)
        {
            SignInFailure.Show(http, provider, SignInFailure.NoDiscovery(provider), exception.GetBaseException().Message);
            return;
        }

        var properties = new AuthenticationProperties { RedirectUri = back };
        properties.Items[OpenIddictClientAspNetCoreConstants.Properties.RegistrationId] = provider.Id;
        demand.KeepIn(properties.Items, now);
        foreach (var (name, value) in demand.ParametersFor(provider, configuration))
        {
            properties.SetParameter(name, value);
        }

        await http.ChallengeAsync(OpenIddictClientAspNetCoreDefaults.AuthenticationScheme, properties);
    }
}
