namespace McpIdentity.Server.Pages;

/// <summary>A failure as a person should read it. As a feature of the request it is what the error page shows, in their language.</summary>
internal sealed record PersonError(string Code, FormattableString Title, FormattableString WhatHappened, FormattableString WhatToDo)
{
    /// <summary>Of the answer, where the page that shows it does not know better.</summary>
    public int Status { get; init; } = StatusCodes.Status400BadRequest;

    /// <summary>What OpenIddict or a rule of ours says of it, in English, for developers; null: what happened says it all.</summary>
    public string? Detail { get; init; }

    /// <summary>The provider of a sign-in that failed, by its id.</summary>
    public string? Provider { get; init; }

    /// <summary>As whom somebody signed in who is not let in: they may have several accounts, and expect another one.</summary>
    public FormattableString? SignedInAs { get; init; }

    /// <summary>The e-mail address of that account, for the audit.</summary>
    public string? Account { get; init; }

    /// <summary>Another account of theirs may be let in.</summary>
    public bool OffersOtherAccount { get; init; }

    /// <summary>What failed may work in a minute: the word for it is <c>temporarily_unavailable</c> (RFC 6749 §4.1.2.1).</summary>
    public bool IsPassing { get; init; }

    /// <summary>
    /// Nothing to look up in the log: any stranger can ask for such a page as often as they like, and what they asked is all that there is to say.
    /// </summary>
    public bool IsWithoutReference { get; init; }

    public static readonly PersonError Unexpected = new(
        "server_error", $"Something went wrong here", $"The server could not finish what you asked for. It is not your fault.",
        $"Try again in a minute; if it stays so, give the reference below to whoever runs this server.")
    {
        IsPassing = true,
    };

    public static readonly PersonError Unavailable = new(
        "temporarily_unavailable", $"The server is busy with itself", $"It cannot reach its database at the moment. It is not your fault, and nothing of yours is lost.",
        $"Wait a few seconds and try again.")
    {
        IsPassing = true,
    };

    public static readonly PersonError Expired = new(
        "expired", $"This page is too old", $"You took longer than a day, or the page was not opened from an app.",
        $"Go back to the app and connect again.");

    public static readonly PersonError NotFound = new(
        "not_found", $"There is nothing here", $"This address does not exist on this server.", $"Check the address.")
    {
        IsWithoutReference = true,
    };

    public static PersonError TooManyRequests(int seconds) => new(
        "temporarily_unavailable", $"That was too fast", $"Too many requests have come from your network within a short time.",
        $"Wait {seconds} seconds and try again.")
    {
        IsPassing = true,
        IsWithoutReference = true,
    };

    public static PersonError UnknownClient(string code, string? description) => new(
        code, $"This app is not known here",
        $"The app's client_id is missing, or this server does not know it.",
        $"The app remembers a registration that is gone. Claude Code: /mcp, then Clear authentication. mcp-remote: delete its .mcp-auth folder. Other apps: remove the server and add it again.")
    {
        Detail = description,
    };

    /// <summary>The app is known by a document at its own address, and that is not to be had or not right.</summary>
    public static PersonError UnreadableDocument(string code, string? description) => new(
        code, $"This app cannot be looked up", $"The document that describes the app cannot be read.",
        $"Go back to the app and try again in a minute; if it stays so, give the details below to its developer.")
    {
        Detail = description,
    };

    /// <summary>The operator has decided which apps may ask.</summary>
    public static PersonError NotLetIn(string code, string? description) => new(
        code, $"This app is not let in here", $"This server does not serve the app.",
        $"Ask whoever runs this server to let it in.")
    {
        Detail = description,
    };

    /// <summary>The address or form of a page, as the browser sent it; the app may have had no part in it.</summary>
    public static PersonError BadRequest(string code, string? description) => new(
        code, $"This page cannot be shown", $"What the browser sent cannot be understood.",
        $"Go back to the app and start again; if it stays so, give the details below to whoever runs this server.")
    {
        Detail = description,
        IsWithoutReference = true,
    };

    /// <summary>An authorization request that the app made.</summary>
    public static PersonError BadAuthorizationRequest(string code, string? description) => new(
        code, $"The app's request is not valid", $"The request cannot be understood.",
        $"Go back to the app and try again; if it stays so, give the details below to its developer.")
    {
        Detail = description,
    };
}
