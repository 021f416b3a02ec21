using System.CommandLine;
using McpIdentity.Mcp;

namespace McpIdentity.Server.Commands;

/// <summary>Which server a verb is for, and with what it may: docs/cli.md, "From another machine". No secret is an argument, which every process of the machine could read.</summary>
internal static class RemoteOptions
{
    private const string ServerVariable = "MCPIDENTITY_SERVER";
    private const string Where = $"Does it at a server elsewhere, over its admin API: https://id.example.org. Or {ServerVariable}.";

    /// <summary>Of every verb that can.</summary>
    public static readonly Option<string?> Server = new("--server", "--at") { Description = Where };

    /// <summary>Of one that means by <c>--server</c> a server behind this one.</summary>
    public static readonly Option<string?> At = new("--at") { Description = Where };

    public static readonly Option<string?> TokenFile = new("--token-file") { Description = "A file with the access token for that. Or MCPIDENTITY_TOKEN, or MCPIDENTITY_CLIENT_ID and MCPIDENTITY_CLIENT_SECRET (…_FILE)." };

    /// <summary>What of these a verb was given that works on this machine alone; null: nothing.</summary>
    public static string? FirstOf(IEnumerable<string> unmatched) =>
        unmatched.Select(token => token.Split('=')[0].ToLowerInvariant()).FirstOrDefault(name => name == Server.Name || name == At.Name || name == TokenFile.Name);

    /// <summary>The server elsewhere; null: the database of this machine.</summary>
    /// <exception cref="VerbFailure">It is no address, or one at which everybody on the way could read the token.</exception>
    public static Uri? ServerOf(ParseResult parsed)
    {
        var (said, from) = SaidOf(parsed) ?? (Variable(ServerVariable), ServerVariable);
        if (said is null)
        {
            return parsed.GetValue(TokenFile) is null ? null : throw new VerbFailure(ExitCode.Usage, $"{TokenFile.Name} is for a server elsewhere: name it by {Server.Name} https://….");
        }

        if (!Uri.TryCreate(said, UriKind.Absolute, out var url) || url.Scheme is not ("https" or "http") || url.UserInfo.Length > 0 || url.PathAndQuery != "/" || url.Fragment.Length > 0)
        {
            throw new VerbFailure(ExitCode.Usage, $"{from} names a server by its address alone, such as https://id.example.org (got {CommandLine.Printable(said)}).");
        }

        return Loopback.IsSafe(url) ? url : throw new VerbFailure(ExitCode.Usage, $"{from} is http: everybody on the way to {url.Host} could read the token. Use https; http is for this machine alone.");
    }

    /// <summary>Which of some options that are for this machine was written; null: none. <c>MCPIDENTITY_SERVER</c> does not speak of it then.</summary>
    /// <exception cref="VerbFailure">And so was a server elsewhere.</exception>
    public static Option? OnlyHere(ParseResult parsed, IEnumerable<Option> options)
    {
        var here = options.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false });
        return here is null || (SaidOf(parsed) is null && parsed.GetValue(TokenFile) is null) ? here
            : throw new VerbFailure(ExitCode.Usage, $"{here.Name} is for this machine, and {(SaidOf(parsed)?.From ?? TokenFile.Name)} for a server elsewhere.");
    }

    /// <summary>With what the caller may: a token, or a client and its secret.</summary>
    /// <exception cref="VerbFailure">There is nothing, or it cannot be read.</exception>
    public static async Task<RemoteCredentials> CredentialsOfAsync(ParseResult parsed, Uri server, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(TokenFile) is { } file)
        {
            return new RemoteCredentials(Token: Checked(await ReadAsync(TokenFile.Name, file, cancellationToken), TokenFile.Name));
        }

        // Another server could use what it is shown at that one.
        if (Variable(ServerVariable) is { } usual && !(Uri.TryCreate(usual, UriKind.Absolute, out var address) && address.GetLeftPart(UriPartial.Authority) == server.GetLeftPart(UriPartial.Authority)))
        {
            throw new VerbFailure(ExitCode.Usage, $"What the environment has a token or a secret for is {ServerVariable} ({CommandLine.Printable(usual)}). For {server.GetLeftPart(UriPartial.Authority)} name a {TokenFile.Name}.");
        }

        if (Variable("MCPIDENTITY_TOKEN") is { } token)
        {
            return new RemoteCredentials(Token: Checked(token, "MCPIDENTITY_TOKEN"));
        }

        if (Variable("MCPIDENTITY_CLIENT_ID") is not { } clientId)
        {
            throw new VerbFailure(ExitCode.Usage, $"With what? {TokenFile.Name} or MCPIDENTITY_TOKEN has an access token for the admin API; MCPIDENTITY_CLIENT_ID and MCPIDENTITY_CLIENT_SECRET are those of a client with AdminScopes.");
        }

        var secret = Variable("MCPIDENTITY_CLIENT_SECRET_FILE") is { } secretFile ? await ReadAsync("MCPIDENTITY_CLIENT_SECRET_FILE", secretFile, cancellationToken) : Variable("MCPIDENTITY_CLIENT_SECRET");
        return new RemoteCredentials(ClientId: clientId, ClientSecret: secret ?? throw new VerbFailure(ExitCode.Usage, "MCPIDENTITY_CLIENT_ID is set, and neither MCPIDENTITY_CLIENT_SECRET nor MCPIDENTITY_CLIENT_SECRET_FILE."));
    }

    private static (string? Address, string From)? SaidOf(ParseResult parsed) =>
        parsed.GetValue(At) is { } at ? (at, At.Name) : parsed.GetValue(Server) is { } server ? (server, Server.Name) : null;

    // Compose files and CI pass what is unset as an empty one.
    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name)?.Trim() is { Length: > 0 } value ? value : null;

    private static async Task<string> ReadAsync(string name, string path, CancellationToken cancellationToken)
    {
        try
        {
            return (await File.ReadAllTextAsync(path, cancellationToken)).Trim();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new VerbFailure(ExitCode.Failed, $"{name} cannot be read: {CommandLine.Printable(exception.Message)}");
        }
    }

    // RFC 6750 §2.1. The text itself is not repeated: it may be a secret in the wrong place.
    private static string Checked(string token, string from) =>
        token.Length > 0 && token.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '.' or '_' or '~' or '+' or '/' or '=') ? token
        : throw new VerbFailure(ExitCode.Usage, $"{from} has no access token: there is something else in it, or nothing.");
}

/// <summary>With what a verb may at a server elsewhere.</summary>
internal sealed record RemoteCredentials(string? Token = null, string? ClientId = null, string? ClientSecret = null)
{
    // Not by an accident in a message.
    public override string ToString() => Token is null ? $"client {ClientId}" : "an access token";
}
