using System.Globalization;
using McpIdentity.Server.Protocol;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;

namespace McpIdentity.Server.Administration.Api;

/// <summary>One call of an operation, judged and read: who calls, and what they ask for.</summary>
internal sealed class AdminCall(HttpContext http, AdminOperation operation, Operator by)
{
    public const int DefaultLimit = 50;
    public const int MaxLimit = 200;
    public const string LimitParameter = "limit";
    public const string CursorParameter = "cursor";

    /// <summary>What is said of a parameter that an operation does not have.</summary>
    public const string UnknownParameter = "is no parameter of ";

    /// <summary>Who calls: what is recorded of an act.</summary>
    public Operator By => by;

    public AdminOperation Operation => operation;

    /// <summary>Ends the reading of a caller who has gone. What changes something is done to its end.</summary>
    public CancellationToken Cancelled => operation.ChangesNothing ? http.RequestAborted : CancellationToken.None;

    /// <summary>How many items a page shall have.</summary>
    public int Limit { get; private set; } = DefaultLimit;

    /// <summary>Where the page before ended; null on the first.</summary>
    public string? After { get; private set; }

    /// <summary>The page that is asked for.</summary>
    public Slice Slice => new(Limit, After);

    /// <summary>Reads a page of any length, for whoever is on this machine.</summary>
    public void ReadPage(int limit, string? after) => (Limit, After) = (limit, after);

    /// <summary>Does it.</summary>
    public async Task<Outcome<AdminAnswer>> RunAsync()
    {
        try
        {
            return await operation.RunAsync(this);
        }
        catch (Exception exception) when (exception is DbUpdateConcurrencyException or OpenIddictExceptions.ConcurrencyException)
        {
            return AdminProblem.Conflict("changed_meanwhile", "Somebody else changed it at the same moment. Read it again, and decide anew.");
        }
    }

    /// <summary>The body; null for an operation that takes none.</summary>
    public object? Body { get; set; }

    /// <summary>Whether the operation was begun: from then on an error may have come after what was to be done.</summary>
    public bool HasBegun { get; set; }

    /// <summary>A part of the path, decoded.</summary>
    public string this[string part] => (string)http.Request.RouteValues[part]!;

    /// <summary>A parameter of the query; null where it was not sent.</summary>
    public string? Text(string parameter) => http.Request.Query[parameter] is [{ Length: > 0 } text] ? text : null;

    /// <summary>A parameter that has several, separated by commas; none where it was not sent.</summary>
    public IReadOnlyList<string> Texts(string parameter) => Text(parameter)?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];

    public bool? Flag(string parameter) => Text(parameter) is { } text ? bool.Parse(text) : null;

    public int? Number(string parameter) => Text(parameter) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;

    public DateTimeOffset? Moment(string parameter) => Text(parameter) is { } text ? ParseMoment(text) : null;

    /// <summary>A service of the request.</summary>
    public T Get<T>()
        where T : notnull => http.RequestServices.GetRequiredService<T>();

    /// <summary>Reads the query and says what is wrong with it.</summary>
    public Problem? ReadQuery(AdminCursors cursors)
    {
        var errors = new Dictionary<string, string[]>();
        foreach (var (name, values) in http.Request.Query)
        {
            var parameter = operation.Query.FirstOrDefault(known => known.Name == name);
            if (values is not [{ } value])
            {
                errors[name] = ["must be sent once."];
            }
            else if (parameter is null)
            {
                errors[name] = [$"{UnknownParameter}{operation.Id}{(operation.Query.Count > 0 ? $", which has {string.Join(", ", operation.Query.Select(known => known.Name))}" : "")}."];
            }
            else if (value.Length > 0 && WrongWith(parameter, value) is { } why)
            {
                errors[name] = [why];
            }
        }

        foreach (var missing in operation.Query.Where(parameter => parameter.IsRequired && Text(parameter.Name) is null && !errors.ContainsKey(parameter.Name)))
        {
            errors[missing.Name] = ["is required."];
        }

        if (errors.Count == 0 && operation.IsList)
        {
            Limit = Number(LimitParameter) ?? DefaultLimit;
            if (Limit is < 1 or > MaxLimit)
            {
                errors[LimitParameter] = [$"is 1 to {MaxLimit}."];
            }

            if (Text(CursorParameter) is { } cursor && (After = cursors.Open(cursor, Filter)) is null)
            {
                errors[CursorParameter] = ["is none that this list has answered with these filters. Begin with the first page."];
            }
        }

        return errors.Count == 0 ? null : new Problem(AdminProblem.InvalidParameter, StatusCodes.Status400BadRequest, string.Join(' ', errors.Select(error => $"{error.Key} {error.Value[0]}"))) { Errors = errors };
    }

    /// <summary>What a cursor belongs to: a page of other filters continues nothing.</summary>
    public string Filter => $"{operation.Id}?{string.Join('&', http.Request.Query.Where(parameter => parameter.Key is not (CursorParameter or LimitParameter) && parameter.Value is [{ Length: > 0 }]).OrderBy(parameter => parameter.Key, StringComparer.Ordinal).Select(parameter => $"{parameter.Key}={Uri.EscapeDataString(parameter.Value.ToString())}"))}";

    private static string? WrongWith(AdminParameter parameter, string value) => parameter.Kind switch
    {
        _ when value.Contains('\0') => "must not contain a NUL character.",
        "boolean" when value is not ("true" or "false") => "is true or false.",
        "integer" when !int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out _) => "is a whole number.",
        "date-time" when ParseMoment(value) is null => "is a moment such as 2026-05-01T12:00:00Z.",
        "string" when parameter.Values?.Contains(value) == false => $"is one of {string.Join(", ", parameter.Values)}.",
        "string" when parameter.Name != CursorParameter && value.Length > parameter.MaxLength => $"has at most {parameter.MaxLength} characters.",
        _ => null,
    };

    private static DateTimeOffset? ParseMoment(string text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var moment) && text.Length >= 10 && char.IsAsciiDigit(text[0]) && text[4] == '-' ? moment : null;
}
