using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Pages;

/// <summary>What a person sees when something went wrong: what happened, what to do, and a reference for whoever helps.</summary>
[IgnoreAntiforgeryToken]
[Address(Reader.People, "GET HEAD", AllowsHttp = true, AnyHost = true, WithoutOAuth = true)]
internal sealed class ErrorModel : PageModel
{
    public PersonError Error =>
        HttpContext.Features.Get<PersonError>() ??
        (HttpContext.GetOpenIddictServerResponse() is { Error: { } error } response ? Explain(error, response.ErrorDescription)
        : Response.StatusCode == StatusCodes.Status404NotFound ? PersonError.NotFound
        : PersonError.BadRequest(Errors.InvalidRequest, null));

    private static PersonError Explain(string error, string? description) =>
        error == Errors.InvalidClient || description?.Contains("client_id", StringComparison.Ordinal) == true
            ? PersonError.UnknownClient(error, description)
            : PersonError.BadRequest(error, description);
}
