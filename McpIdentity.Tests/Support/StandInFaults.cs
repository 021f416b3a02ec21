using Microsoft.AspNetCore.Http;

namespace McpIdentity.Tests.Support;

/// <summary>How a provider fails, and where: by path.</summary>
internal static class StandInFaults
{
    /// <param name="name">Of one of the methods below.</param>
    public static RequestDelegate Of(string name) => typeof(StandInFaults).GetMethod(name)!.CreateDelegate<RequestDelegate>();

    public static Task Reset(HttpContext context)
    {
        context.Abort();
        return Task.CompletedTask;
    }

    public static Task Error(HttpContext context) => Results.Content("<h1>Internal error</h1>", "text/html", statusCode: 500).ExecuteAsync(context);

    public static Task Html(HttpContext context) => Results.Content("<h1>Hotel network</h1>", "text/html").ExecuteAsync(context);

    public static Task Broken(HttpContext context) => Results.Content("""{"keys":[{"kty":"RSA",""", "application/json").ExecuteAsync(context);

    public static Task WrongShape(HttpContext context) => Results.Content("[7]", "application/json").ExecuteAsync(context);

    public static Task Truncated(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = 5000;
        return context.Response.WriteAsync("{").ContinueWith(_ => context.Abort(), TaskScheduler.Default);
    }

    public static async Task Huge(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync("{\"huge\":\"");
        var block = new string('x', 64 * 1024);
        try
        {
            for (var i = 0; i < 400; i++)
            {
                await context.Response.WriteAsync(block, context.RequestAborted);
            }
        }
        catch (OperationCanceledException)
        {
            return; // nobody listens any more
        }

        await context.Response.WriteAsync("\"}");
    }

    public static async Task Hang(HttpContext context)
    {
        var ended = new TaskCompletionSource();
        await using var registration = context.RequestAborted.Register(ended.SetResult);
        await ended.Task;
    }
}
