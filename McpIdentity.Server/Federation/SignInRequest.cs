namespace McpIdentity.Server.Federation;

/// <summary>
/// Which authorization request somebody signs in for: a feature of the HTTP request, so that a page about a failure leads on,
/// to another try or back to the app.
/// </summary>
/// <param name="Ticket">The sign-in page's own, protected.</param>
internal sealed record SignInRequest(string Ticket);
