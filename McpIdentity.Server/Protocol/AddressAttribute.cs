using Microsoft.Net.Http.Headers;
using OpenIddict.Server;

namespace McpIdentity.Server.Protocol;

/// <summary>Who reads what an address answers, errors included.</summary>
internal enum Reader
{
    /// <summary>A program: errors are JSON (RFC 6749 §5.2).</summary>
    Programs,

    /// <summary>A person's browser: errors are a page, and nothing is kept in a cache.</summary>
    People,

    /// <summary>Either, as the request's <c>Accept</c> says; so is an address that nobody serves.</summary>
    Anyone,
}

/// <summary>
/// What an address needs of the server around it, said once, at its endpoint: the middlewares read it, and know no address
/// themselves. What is not said is the safe choice, but for three that each endpoint has to think of: a rate limit, the checks
/// of parameters, the audit of sign-ins. An endpoint without it fails a test.
/// </summary>
/// <param name="reader">Who reads the answers.</param>
/// <param name="methods">The methods that it takes, separated by spaces; others are 405 with <c>Allow</c>. <c>*</c>: any.</param>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class AddressAttribute(Reader reader, string methods) : Attribute
{
    public const string AnyMethod = "*";

    private readonly string[] _methods = methods.Split(' ');

    public Reader Reader => reader;

    /// <summary>The value of <c>Allow</c> (RFC 9110 §10.2.1).</summary>
    public string Allow => string.Join(", ", _methods);

    /// <summary>Whether web pages of other origins may call it, as <c>Cors</c> says. Only where a token speaks and never our cookie.</summary>
    public bool Cors { get; init; }

    /// <summary>Whether it compares origins itself, so that CORS says of a web page what the endpoint will say.</summary>
    public bool ComparesOrigins { get; init; }

    /// <summary>The rate limit that it counts in; null: none. Each bucket has the limit of <c>Mcp:RateLimiting:AuthEndpointMaxRequests</c> to itself.</summary>
    public string? Bucket { get; init; }

    /// <summary>Whether it answers over plain http too where <c>Server:RequireHttps</c> is on: nothing secret travels.</summary>
    public bool AllowsHttp { get; init; }

    /// <summary>Whether it answers by any host name: what it says is public, and the same for everyone.</summary>
    public bool AnyHost { get; init; }

    /// <summary>Whether it is there without an authorization server too (<c>OAuth:Enabled=false</c>).</summary>
    public bool WithoutOAuth { get; init; }

    /// <summary>
    /// Whether a page that opened it in a popup keeps its hold on the window: a client in the browser waits there for what its
    /// callback page posts, or for the window to close, and <c>Cross-Origin-Opener-Policy</c> would cut it off for good.
    /// </summary>
    public bool KeepsOpener { get; init; }

    /// <summary>Whether a sign-in provider sends the browser here, with the <c>state</c> that it was given.</summary>
    public bool TakesUpstreamState { get; init; }

    /// <summary>As which of its endpoints OpenIddict answers here, before or instead of ours; null: it does not look at the request.</summary>
    public OpenIddictServerEndpointType? OpenIddict { get; init; }

    /// <summary>Whether it judges whoever calls by the token that they show alone: neither our cookie is looked at before, nor does OpenIddict read the request.</summary>
    public bool JudgesTokens { get; init; }

    /// <summary>A method that is not advertised and let through all the same: whoever answers says in the words of its RFC what is wrong.</summary>
    public string? LetsThrough { get; init; }

    /// <summary>Whether it takes parameters in the query and by form, which are checked before any parser behind sees them.</summary>
    public bool TakesForms { get; init; }

    /// <summary>The page has a script of ours, and asks this server for parts of itself: the console. No other page has any.</summary>
    public bool HasScript { get; init; }

    /// <summary>Parameters that a form may send more than once, separated by spaces: boxes of one name.</summary>
    public string? Repeats { get; init; }

    /// <summary>The methods by which somebody tries to sign in here: what is refused goes into the security log as <c>login_failure</c>.</summary>
    public string? SignsInBy { get; init; }

    public bool Takes(string method) => _methods is [AnyMethod] || _methods.Contains(method, StringComparer.Ordinal) || method == LetsThrough;

    public bool MayRepeat(string parameter) => Repeats?.Split(' ').Contains(parameter, StringComparer.Ordinal) == true;

    public bool IsSignIn(string method) => SignsInBy?.Split(' ').Contains(method, StringComparer.Ordinal) == true;
}

internal static class AddressExtensions
{
    /// <returns>Null for an address that nobody serves.</returns>
    public static AddressAttribute? GetAddress(this HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<AddressAttribute>();

    /// <summary>Whether a person's browser is at this address, and an error is a page.</summary>
    public static bool IsForPeople(this HttpContext context) => context.GetAddress() is { Reader: not Reader.Anyone } address
        ? address.Reader == Reader.People
        : context.Request.WantsPage();

    /// <summary>Whether a page is asked for by name, and not as one of all types: browsers do, programs do not (RFC 9110 §12.5.1).</summary>
    public static bool WantsPage(this HttpRequest request)
    {
        var accept = request.GetTypedHeaders().Accept;
        return QualityOf(accept, "text/html") is > 0 and var page && page >= QualityOf(accept, "application/json");
    }

    private static double QualityOf(IEnumerable<MediaTypeHeaderValue> accept, string type) =>
        accept.Where(range => range.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase)).Select(range => range.Quality ?? 1).DefaultIfEmpty(0).Max();

    /// <summary>Says what the endpoint needs.</summary>
    public static TBuilder WithAddress<TBuilder>(this TBuilder endpoint, AddressAttribute address)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(address);
}
