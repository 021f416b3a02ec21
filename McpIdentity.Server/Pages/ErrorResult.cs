using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.Pages;

/// <summary>Shows the error page with the status of the error.</summary>
internal sealed class ErrorResult(PersonError error) : IActionResult
{
    public Task ExecuteResultAsync(ActionContext context)
    {
        context.HttpContext.Features.Set(error);
        context.HttpContext.Response.StatusCode = error.Status;
        return Task.CompletedTask;
    }
}
