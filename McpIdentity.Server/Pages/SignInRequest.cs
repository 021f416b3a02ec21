using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.WebUtilities;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Pages;

/// <summary>
/// What somebody signs in for: a feature of the HTTP request, so that a page about a failure leads on, to another try or back to
/// the app.
/// </summary>
/// <param name="Name">The protected ticket of an app's request, or the name of a page of ours (<see cref="Paths.OwnPageOf"/>).</param>
internal sealed record SignInRequest(string Name)
{
    private const string App = "app";

    /// <summary>The host that receives the answer, for whoever helps; null where there is none.</summary>
    public string? Host { get; init; }

    /// <summary>The language of the sign-in page.</summary>
    public string? Language { get; init; }

    /// <summary>What the security log says of it.</summary>
    public RequestFacts? Facts { get; init; }

    /// <summary>As it is kept while the person is at the provider.</summary>
    public string Write() => Name + string.Concat(new[] { (Parameters.UiLocales, Language), (App, Host), (Parameters.ClientId, Facts?.ClientId), (Parameters.Resource, Facts?.Resource), (KnownParameters.Flow, Facts?.Flow) }
        .Where(part => part.Item2 is not null).Select(part => $"&{part.Item1}={Uri.EscapeDataString(part.Item2!)}"));

    /// <summary>The same, read; a server of an earlier release has written the name alone.</summary>
    public static SignInRequest Read(string text)
    {
        var (name, more) = text.IndexOf('&', StringComparison.Ordinal) is >= 0 and var end ? (text[..end], QueryHelpers.ParseQuery(text[end..].TrimStart('&'))) : (text, []);
        return new SignInRequest(name)
        {
            Language = more.GetValueOrDefault(Parameters.UiLocales),
            Host = more.GetValueOrDefault(App),
            Facts = more.GetValueOrDefault(KnownParameters.Flow) is { Count: > 0 } flow
                ? new RequestFacts { ClientId = more.GetValueOrDefault(Parameters.ClientId), Resource = more.GetValueOrDefault(Parameters.Resource), Flow = flow }
                : null,
        };
    }
}
