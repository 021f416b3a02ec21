using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using McpIdentity.Migrations;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Administration.Api;

/// <summary>
/// Answers the operations of one path, in the order: who calls and may they, the query, the body, has it been answered before, does it
/// still stand as the caller saw it (<c>If-Match</c>), then the operation itself.
/// </summary>
internal sealed class AdminApiEndpoint(IReadOnlyList<AdminOperation> operations, AdminOperation? representation)
{
    private const int MaxKeyLength = 255;
    private const int Turns = 16;
    private const string RetryAfter = "10"; // seconds

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public async Task AnswerAsync(HttpContext http)
    {
        var method = HttpMethods.IsHead(http.Request.Method) ? HttpMethods.Get : http.Request.Method;
        var operation = operations.Single(operation => operation.Method == method); // UseAllowedMethods lets no other through
        DecodeParts(http, operation);
        if (await RefusalOfAsync(http, operation) is { } refusal)
        {
            await refusal.ExecuteAsync(http);
        }
    }

    // RFC 3986 §2.4: once. Kestrel makes %2F of %2F and of %252F, and what was sent tells them apart.
    private static void DecodeParts(HttpContext http, AdminOperation operation)
    {
        var parts = operation.Path.Split('/');
        var sent = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?')[0].TrimEnd('/').Split('/');
        for (var fromEnd = 1; fromEnd < parts.Length; fromEnd++)
        {
            if (parts[^fromEnd] is ['{', .. var name, '}'] && http.Request.RouteValues[name] is string part && part.Contains("%2F", StringComparison.OrdinalIgnoreCase))
            {
                http.Request.RouteValues[name] = Uri.UnescapeDataString(sent[^fromEnd]);
            }
        }
    }

    private async Task<IResult?> RefusalOfAsync(HttpContext http, AdminOperation operation)
    {
        var judged = await http.RequestServices.GetRequiredService<AdminCallers>().JudgeAsync(http, operation.Right);
        if (judged.Problem is { } refused)
        {
            return ProblemOf(refused);
        }

        var call = new AdminCall(http, operation, judged.Value!);
        if (call.ReadQuery(http.RequestServices.GetRequiredService<AdminCursors>()) is { } wrong)
        {
            return wrong;
        }

        if (HttpMethods.IsGet(operation.Method))
        {
            return await RunAsync(http, call, held: null);
        }

        var (bytes, unreadable) = await AdminBody.ReadAsync(http.Request);
        if (unreadable is not null)
        {
            return unreadable;
        }

        (call.Body, var malformed) = AdminBody.Parse(bytes, operation.Body);
        return malformed ?? (HttpMethods.IsPost(operation.Method) && http.Request.Headers["Idempotency-Key"] is [{ Length: > 0 } key]
            ? await RunOnceAsync(http, call, key, bytes)
            : await RunMatchingAsync(http, call, held: null));
    }

    private async Task<IResult?> RunOnceAsync(HttpContext http, AdminCall call, string key, byte[] body)
    {
        if (key.Length > MaxKeyLength)
        {
            return new Problem("invalid_request", StatusCodes.Status400BadRequest, $"An Idempotency-Key has at most {MaxKeyLength} characters.");
        }

        var answers = http.RequestServices.GetRequiredService<IdempotentAnswers>();
        var id = IdempotentAnswers.IdOf(call.By.UserId ?? call.By.Name, key);
        var earlier = await answers.HoldAsync(id, IdempotentAnswers.RequestOf(http.Request.Method, http.Request.Path + http.Request.QueryString, body), http.RequestAborted);
        if (earlier.Problem is { } problem)
        {
            http.Response.Headers.RetryAfter = problem.Status == StatusCodes.Status409Conflict ? "1" : default;
            return ProblemOf(problem);
        }

        if (earlier.Value is { } answer)
        {
            http.Response.Headers["Idempotent-Replayed"] = "true";
            await WriteAsync(http, call, answer.Status, answer.Location, answer.Body);
            return null;
        }

        IResult? refusal;
        try
        {
            refusal = await RunMatchingAsync(http, call, done => answers.KeepAsync(id, done));
        }
        catch when (!call.HasBegun || call.Operation.ChangesNothing)
        {
            await answers.FreeAsync(id);
            throw;
        }

        // Where an act ended in an error, nobody knows what of it was done: its key is held a while, so that it is not done again unseen.
        if (refusal is not null)
        {
            await answers.FreeAsync(id);
        }

        return refusal;
    }

    // RFC 9110 §13.1.1. Of two that saw the same, one is first: they take turns, on all servers.
    private async Task<IResult?> RunMatchingAsync(HttpContext http, AdminCall call, Func<IdempotentAnswers.Answer, Task>? held)
    {
        if (http.Request.Headers.IfMatch is not { Count: > 0 } expected || representation is null)
        {
            return await RunAsync(http, call, held);
        }

        await using var turn = await TakeTurnAsync(http, representation.Path);
        if (turn is null)
        {
            http.Response.Headers.RetryAfter = "1";
            return new Problem("changed_meanwhile", StatusCodes.Status409Conflict, "Somebody else is changing this, or another thing that is changed in turn with it, at this moment. Read it again in a moment, and decide anew.");
        }

        var current = await representation.RunAsync(new AdminCall(http, representation, call.By));
        if (current.Problem is { } problem)
        {
            return ProblemOf(problem);
        }

        return Matches(expected.ToString(), StateOf(TagOf(representation.Answer!, Serialize(current.Value!.Value!))), StateOf)
            ? await RunAsync(http, call, held)
            : new Problem("changed_meanwhile", StatusCodes.Status412PreconditionFailed, "It is not as it was when you read it. Read it again, and decide anew.");
    }

    // On SQLite one of a few that the thing's name chooses: each is a file that stays. A slow act is in the way of few others.
    private static async Task<IAsyncDisposable?> TakeTurnAsync(HttpContext http, string path)
    {
        var thing = $"{path}\n{string.Join('\n', http.Request.RouteValues.Values)}";
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(thing));
        var db = http.RequestServices.GetRequiredService<McpIdentityDbContext>();
        var turn = db.Database.IsSqlite() ? (hash[0] % Turns).ToString(CultureInfo.InvariantCulture) : Convert.ToHexStringLower(hash.AsSpan(0, 16));
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        patience.CancelAfter(Patience);
        try
        {
            return await db.BeginWorkAsync($"admin-api-{turn}", patience.Token);
        }
        catch (OperationCanceledException) when (!http.RequestAborted.IsCancellationRequested)
        {
            return null;
        }
    }

    private async Task<IResult?> RunAsync(HttpContext http, AdminCall call, Func<IdempotentAnswers.Answer, Task>? held)
    {
        call.HasBegun = true;
        var outcome = await call.RunAsync();
        if (outcome.Problem is { } problem)
        {
            http.Response.Headers.RetryAfter = problem.Status == StatusCodes.Status429TooManyRequests ? RetryAfter : default;
            return ProblemOf(problem);
        }

        var answer = outcome.Value!;
        if (answer.Value is AdminDownload download)
        {
            http.Response.ContentType = download.MediaType;
            http.Response.Headers.ContentDisposition = $"attachment; filename=\"{download.FileName}\"";
            if (!HttpMethods.IsHead(http.Request.Method))
            {
                await download.WriteAsync(http.Response.Body, http.RequestAborted);
            }

            return null;
        }

        var value = answer.Value is IAdminPage { Next: { } next } page ? page.With(http.RequestServices.GetRequiredService<AdminCursors>().Close(next, call.Filter)) : answer.Value;
        var body = value is null ? [] : Serialize(value);
        if (held is not null)
        {
            await held(new IdempotentAnswers.Answer(call.Operation.Status, answer.Location, body));
        }

        await WriteAsync(http, call, call.Operation.Status, answer.Location, body);
        return null;
    }

    private async Task WriteAsync(HttpContext http, AdminCall call, int status, string? location, byte[] body)
    {
        var (response, operation) = (http.Response, call.Operation);
        if (location is not null)
        {
            response.Headers.Location = Paths.AdminApi + location;
        }

        if (operation.Answer is not null && !operation.IsList && (HttpMethods.IsGet(operation.Method) || operation.Answer == representation?.Answer))
        {
            var tag = TagOf(operation.Answer, body);
            response.Headers.ETag = tag;
            if (HttpMethods.IsGet(operation.Method) && http.Request.Headers.IfNoneMatch is { Count: > 0 } known && Matches(known.ToString(), tag, one => one))
            {
                response.StatusCode = StatusCodes.Status304NotModified;
                return;
            }
        }

        response.StatusCode = status;
        if (body.Length > 0)
        {
            response.ContentType = "application/json";
            response.ContentLength = body.Length;
            await response.Body.WriteAsync(body, http.RequestAborted);
        }
    }

    private static byte[] Serialize(object value) => JsonSerializer.SerializeToUtf8Bytes(value, AdminJson.Default.GetTypeInfo(value.GetType())!);

    // Of what its use changes too there are two parts: what it is, and all that was said of it.
    private static string TagOf(Type type, byte[] body)
    {
        if (type.GetCustomAttribute<ChangesByUseAttribute>() is not { } used)
        {
            return $"\"{HashOf(body)}\"";
        }

        var state = JsonNode.Parse(body)!.AsObject();
        foreach (var path in used.Paths)
        {
            LeaveOut(state, path);
        }

        return $"\"{HashOf(Encoding.UTF8.GetBytes(state.ToJsonString()))}.{HashOf(body)}\"";
    }

    // By the whole path: what a tool or a scope is called is somebody's own name of something.
    private static void LeaveOut(JsonObject thing, string path)
    {
        if (path.Split('.', 2) is not [var outer, var inner])
        {
            thing.Remove(path);
        }
        else if (thing[outer] is JsonObject within)
        {
            LeaveOut(within, inner);
        }
    }

    // What If-Match compares: somebody who uses it meanwhile is in nobody's way.
    private static string StateOf(string tag) => tag.Split('.')[0].Trim('"');

    private static string HashOf(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 16));

    // Ours hold no comma.
    private static bool Matches(string header, string tag, Func<string, string> partOf) => header.Split(',', StringSplitOptions.TrimEntries).Any(one => one == "*" || partOf(one) == tag);

    private static Problem ProblemOf(AdminProblem problem) => new(problem.Code, problem.Status, problem.Detail) { Errors = problem.Errors };
}
