using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Pages;

/// <summary>What a person sees when something went wrong: what happened, what to do, and a reference for whoever helps.</summary>
[IgnoreAntiforgeryToken]
internal sealed class ErrorModel : PageModel
{
    public PersonError Error { get; private set; } = PersonError.Unexpected;

    public void OnGet() => Explain();

    public void OnPost() => Explain();

    private void Explain()
    {
        if (HttpContext.Features.Get<PersonError>() is { } known)
        {
            Error = known;
        }
        else if (HttpContext.Features.Get<IExceptionHandlerFeature>() is not null)
        {
            Error = PersonError.Unexpected;
        }
        else if (HttpContext.GetOpenIddictServerResponse() is { Error: not null } response)
        {
            Error = response.Error == Errors.InvalidClient || response.ErrorDescription?.Contains("client_id", StringComparison.Ordinal) == true
                ? PersonError.UnknownClient(response.Error, response.ErrorDescription)
                : PersonError.BadRequest(response.Error, response.ErrorDescription);
        }
        else
        {
            Error = Response.StatusCode == StatusCodes.Status404NotFound
                ? PersonError.NotFound
                : PersonError.BadRequest(Errors.InvalidRequest, null);
        }
    }
}
