using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.Extensions.Options;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Pages;

/// <summary>What a person sees when something went wrong: what happened, what to do, and a reference for whoever helps.</summary>
[IgnoreAntiforgeryToken] // also shown in answer to a form, and does nothing
[Address(Reader.People, "GET HEAD", AllowsHttp = true, AnyHost = true, WithoutOAuth = true, KeepsOpener = true)]
internal sealed partial class ErrorModel(IOptions<BrandingOptions> branding, TimeProvider time, ILogger<ErrorModel> logger) : PageModel
{
    public PersonError Error =>
        HttpContext.Features.Get<PersonError>() ??
        (HttpContext.GetOpenIddictServerResponse() is { Error: { } error } response ? Explain(error, response.ErrorDescription)
        : Response.StatusCode == StatusCodes.Status404NotFound ? PersonError.NotFound
        : PersonError.BadRequest(Errors.InvalidRequest, null));

    public WaysOn Ways => WaysOn.From(HttpContext, Error);

    /// <summary>Whom to ask, and what they are called.</summary>
    public BrandingOptions Branding => branding.Value;

    /// <summary>Where the answer would have gone; null where nobody knows.</summary>
    public string? App => HttpContext.Features.Get<SignInRequest>()?.Host;

    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>What to tell whoever helps; written into the log together with what is shown.</summary>
    public string? Reference
    {
        get
        {
            var error = Error;
            if (error.IsWithoutReference)
            {
                return null;
            }

            var reference = ReferenceId.For(HttpContext);
            if (!ReferenceId.WasLogged(HttpContext))
            {
                Shown(logger, error.Code, AskedAddress.PathOf(HttpContext), reference);
            }

            return reference;
        }
    }

    private static PersonError Explain(string error, string? description) => error switch
    {
        "invalid_client_metadata" or Errors.TemporarilyUnavailable => PersonError.UnreadableDocument(error, description),
        Errors.UnauthorizedClient => PersonError.NotLetIn(error, description),
        _ when error == Errors.InvalidClient || description?.Contains("client_id", StringComparison.Ordinal) == true => PersonError.UnknownClient(error, description),
        _ => PersonError.BadAuthorizationRequest(error, description),
    };

    [LoggerMessage(1411, LogLevel.Information, "A person was shown the error {Code} at {Path}. Reference: {Reference}")]
    private static partial void Shown(ILogger logger, string code, string path, string reference);
}
