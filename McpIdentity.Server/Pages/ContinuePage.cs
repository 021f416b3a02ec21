using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Abstractions;
using Microsoft.AspNetCore.Mvc.ModelBinding;
using Microsoft.AspNetCore.Mvc.ViewFeatures;

namespace McpIdentity.Server.Pages;

/// <summary>
/// Answers a form with a page that goes on by itself, without script. A redirect would be the plain answer, but Chromium
/// applies <c>form-action</c> to every hop that follows a form, and the last hop is the client's own address (docs/decisions/0003).
/// </summary>
/// <param name="url">Where to go on; ours or a configured provider's, never a client's word.</param>
internal sealed class ContinuePage(string url) : IActionResult
{
    public string Url => url;

    public FormattableString Heading { get; init; } = $"One moment";

    public required FormattableString Text { get; init; }

    /// <summary>What the link to the address says.</summary>
    public FormattableString Link { get; init; } = $"Continue";

    /// <summary>On the way to another page of ours, which may lead further.</summary>
    public static ContinuePage ToNextStep(string url) => new(url) { Text = $"You are being sent on to the next step." };

    /// <summary>On the way to a sign-in provider.</summary>
    public static ContinuePage ToProvider(string url, string name) => new(url) { Text = $"You are being sent on to {name}." };

    public Task ExecuteResultAsync(ActionContext context) => new ViewResult
    {
        ViewName = "/Pages/Continue.cshtml",
        StatusCode = StatusCodes.Status200OK,
        ViewData = new ViewDataDictionary<ContinuePage>(new EmptyModelMetadataProvider(), new ModelStateDictionary()) { Model = this },
    }.ExecuteResultAsync(context);

    /// <summary>The same where no page of ours was asked for.</summary>
    public Task WriteAsync(HttpContext context) => ExecuteResultAsync(new ActionContext(context, context.GetRouteData(), new ActionDescriptor()));
}
