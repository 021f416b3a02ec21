using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Hosting;

/// <summary>
/// Refuses what no parser behind us should see, and is the one place where a form is read. OpenIddict answers 500 to a NUL or
/// to thousands of form keys, and reads a doubled parameter as an absent one, where RFC 6749 §3.1 and §3.2 ask for
/// <c>invalid_request</c>; ASP.NET Core throws at a charset that it does not take.
/// </summary>
internal static class ProtocolRequests
{
    private const string FormContentType = "application/x-www-form-urlencoded";
    private const int MaxFormBytes = 64 * 1024;
    private const int MaxQueryLength = 7680; // of 8,192 for a request line, as proxies have it too

    public static void UseProtocolRequestChecks(this WebApplication app) =>
        app.UseWhen(context => context.GetAddress() is { TakesForms: true }, forms => forms.Use(async (context, next) =>
        {
            if (await CheckAsync(context) is { } error)
            {
                await (context.IsForPeople() ? ShowAsync(context, error) : error.ExecuteAsync(context));
                return;
            }

            await next(context);
        }));

    private static async Task<OAuthError?> CheckAsync(HttpContext context)
    {
        var request = context.Request;
        if (request.QueryString.Value is { Length: > MaxQueryLength })
        {
            return new OAuthError(Errors.InvalidRequest, $"The query string is longer than {MaxQueryLength} characters.");
        }

        if (request.Query.ContainsKey(Parameters.AccessToken))
        {
            // MCP authorization, "Access Token Usage": never in the query, where logs and histories keep it.
            return new OAuthError(Errors.InvalidRequest, "An access token must not be sent in the query string.");
        }

        return CheckParameters(request.Query, context.GetAddress()!, isForm: false) ?? (HttpMethods.IsPost(request.Method) ? await CheckFormAsync(context) : null);
    }

    private static async Task<OAuthError?> CheckFormAsync(HttpContext context)
    {
        var request = context.Request;
        if (request.ContentLength == 0 || (request.ContentLength is null && request.ContentType is null && !request.Headers.ContainsKey("Transfer-Encoding")))
        {
            // Nothing was sent: userinfo by POST, or a request whose missing parameters OpenIddict will name. It wants to
            // see a form all the same.
            request.ContentType = FormContentType;
            return null;
        }

        if (!IsForm(request.ContentType))
        {
            return new OAuthError(Errors.InvalidRequest, $"The Content-Type must be {FormContentType}, in UTF-8.");
        }

        // What was judged is what is read, here and by every parser behind: none of them sees a parameter of the type.
        request.ContentType = FormContentType;

        if (request.ContentLength > MaxFormBytes)
        {
            return TooLarge;
        }

        if (context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = MaxFormBytes;
        }

        try
        {
            return CheckParameters(await request.ReadFormAsync(context.RequestAborted), context.GetAddress()!, isForm: true);
        }
        catch (Exception exception) when (RequestBodies.IsUnreadable(exception))
        {
            return RequestBodies.Refuse(exception, Errors.InvalidRequest);
        }
    }

    // RFC 6749 appendix B: UTF-8. A type that does not parse as one is no form, whatever it begins with.
    private static bool IsForm(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out var type) && type.MediaType.Equals(FormContentType, StringComparison.OrdinalIgnoreCase) &&
        type.Parameters.Count(parameter => parameter.Name.Equals("charset", StringComparison.OrdinalIgnoreCase)) <= 1 &&
        HeaderUtilities.RemoveQuotes(type.Charset).ToString().ToUpperInvariant() is "" or "UTF-8" or "UTF8" or "US-ASCII";

    private static OAuthError TooLarge => new(Errors.InvalidRequest, $"The request body is larger than {MaxFormBytes} bytes.")
    {
        StatusCode = StatusCodes.Status413PayloadTooLarge,
    };

    private static OAuthError? CheckParameters(IEnumerable<KeyValuePair<string, StringValues>> parameters, AddressAttribute address, bool isForm)
    {
        foreach (var (name, values) in parameters)
        {
            // RFC 8707 §2: resource alone may be repeated. One that nobody knows is ignored, once or twice (RFC 6749 §3.1).
            if (values.Count > 1 && name != Parameters.Resource && !(address.OpenIddict is not null && !KnownParameters.Include(name)) && !(isForm && address.MayRepeat(name)))
            {
                return new OAuthError(Errors.InvalidRequest, "A parameter must not be sent twice.");
            }

            if (name.Contains('\0') || values.Any(value => value?.Contains('\0') == true))
            {
                return new OAuthError(Errors.InvalidRequest, "A parameter must not contain a NUL character.");
            }
        }

        return null;
    }

    private static Task ShowAsync(HttpContext context, OAuthError error)
    {
        context.Features.Set(PersonError.BadRequest(error.Error, error.Description));
        context.Response.StatusCode = error.StatusCode;
        return Task.CompletedTask;
    }
}
