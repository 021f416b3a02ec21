using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.RegularExpressions;
using McpIdentity.Server.Protocol;
using Microsoft.Net.Http.Headers;

namespace McpIdentity.Server.Administration.Api;

/// <summary>Reads the bodies of the admin API, strictly: what nobody knows is refused, and so is what is there twice.</summary>
internal static partial class AdminBody
{
    public const int MaxBytes = 256 * 1024;

    /// <summary>The bytes; empty where nothing was sent.</summary>
    public static async Task<(byte[] Bytes, Problem? Problem)> ReadAsync(HttpRequest request)
    {
        if (request.ContentLength > MaxBytes)
        {
            return ([], TooLarge);
        }

        if (request.HttpContext.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = MaxBytes;
        }

        using var buffer = new MemoryStream();
        try
        {
            await request.Body.CopyToAsync(buffer, request.HttpContext.RequestAborted);
        }
        catch (Exception exception) when (RequestBodies.IsUnreadable(exception))
        {
            return ([], exception is BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } ? TooLarge
                : new Problem("invalid_request", StatusCodes.Status400BadRequest, "The request body cannot be read: it is cut short or malformed."));
        }

        return (buffer.ToArray(), buffer.Length == 0 || IsJson(request) ? null
            : new Problem("unsupported_media_type", StatusCodes.Status415UnsupportedMediaType, "The Content-Type must be application/json."));
    }

    /// <param name="bytes">Nothing is an object without members.</param>
    /// <param name="type">What it is to be; null: the operation takes none.</param>
    public static (object? Body, Problem? Problem) Parse(byte[] bytes, Type? type)
    {
        var json = bytes.Length == 0 ? "{}"u8 : bytes;
        if (type is null)
        {
            return (null, json.SequenceEqual("{}"u8) ? null : Malformed("", "This operation takes no body."));
        }

        try
        {
            if (json.IndexOf("\\u0000"u8) >= 0)
            {
                return (null, Malformed("", "A text must not contain a NUL character."));
            }

            var body = JsonSerializer.Deserialize(json, AdminJson.Default.GetTypeInfo(type)!);
            return body is null ? (null, Malformed("", "The body must be a JSON object.")) : (body, Check(body));
        }
        catch (JsonException exception)
        {
            var missing = Missing().Match(exception.Message);
            return (null, missing.Success
                ? Malformed(missing.Groups[1].Value, "is required.")
                : Malformed(MemberOf(exception.Path), "cannot be read: it is malformed, of another type, there twice, or no member of this request."));
        }
    }

    /// <summary>What is wrong with the members of a body that could be read.</summary>
    public static Problem? Check(object body)
    {
        if (Array.Find(body.GetType().GetProperties(), property => property.GetIndexParameters().Length == 0 && property.GetValue(body) is IEnumerable list and not string && list.Cast<object?>().Contains(null)) is { } holey)
        {
            return Malformed(JsonNamingPolicy.SnakeCaseLower.ConvertName(holey.Name), "must not contain null.");
        }

        var results = new List<ValidationResult>();
        if (Validator.TryValidateObject(body, new ValidationContext(body), results, validateAllProperties: true))
        {
            return null;
        }

        var errors = results.SelectMany(result => result.MemberNames.Select(member => (Member: JsonNamingPolicy.SnakeCaseLower.ConvertName(member), Why: result.ErrorMessage!)))
            .GroupBy(error => error.Member, error => error.Why).ToDictionary(member => member.Key, member => member.ToArray());
        return new Problem("invalid_request", StatusCodes.Status422UnprocessableEntity, string.Join(' ', errors.Select(error => $"{error.Key}: {error.Value[0]}"))) { Errors = errors };
    }

    private static Problem Malformed(string member, string why) =>
        new("invalid_json", StatusCodes.Status400BadRequest, member.Length == 0 ? why : $"{member} {why}") { Errors = member.Length == 0 ? null : new Dictionary<string, string[]> { [member] = [why] } };

    private static Problem TooLarge => new("body_too_large", StatusCodes.Status413PayloadTooLarge, $"The request body is larger than {MaxBytes} bytes.");

    private static string MemberOf(string? path) => path is null ? "" : path.TrimStart('$').TrimStart('.') is { Length: > 0 and < 200 } member ? member : "";

    private static bool IsJson(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out var type) && type.MediaType.Value?.ToLowerInvariant() is "application/json" or "application/merge-patch+json" &&
        HeaderUtilities.RemoveQuotes(type.Charset).ToString().ToUpperInvariant() is "" or "UTF-8";

    // .NET's words for a member that is not there.
    [GeneratedRegex(@"missing required properties including: '([^']+)'")]
    private static partial Regex Missing();
}
