using Microsoft.AspNetCore.Mvc;

namespace McpIdentity.Server.Pages;

/// <summary>Shows the error page with status 400.</summary>
internal sealed class ErrorResult(PersonError error) : IActionResult
{
    public Task ExecuteResultAsync(ActionContext context)
    {
        context.HttpContext.Features.Set(error);
        context.HttpContext.Response.StatusCode = StatusCodes.Status400BadRequest;
        return Task.CompletedTask;
    }
}
