using System.Security.Cryptography;
using System.Text;

namespace McpIdentity.Tests.Support;

/// <summary>Someone with an account at <see cref="StandInGoogle"/>.</summary>
internal sealed record GoogleAccount(string Email, string GivenName, string FamilyName)
{
    public bool EmailVerified { get; init; } = true;

    /// <summary>The Google Workspace domain that manages the account; null for a private one.</summary>
    public string? HostedDomain { get; init; }

    /// <summary>Whether its tokens say when the person signed in, which is now.</summary>
    public bool SaysWhen { get; init; }

    public string Name => $"{GivenName} {FamilyName}";

    /// <summary>Google's subject is a number of twenty-one digits that stays when the address changes.</summary>
    public string Subject { get; init; } = "1" + string.Concat(SHA256.HashData(Encoding.UTF8.GetBytes(Email)).Take(20).Select(digit => digit % 10));
}

/// <summary>A request as <see cref="StandInGoogle"/> received it: the parameters of query and form together.</summary>
internal sealed record GoogleRequest(
    DateTimeOffset At, string Method, string Path, IReadOnlyDictionary<string, string> Parameters, string Authorization);

/// <summary>What <see cref="StandInGoogle"/> does wrong until told otherwise.</summary>
internal enum GoogleFailure
{
    None,

    /// <summary>The person presses Cancel: <c>error=access_denied</c>.</summary>
    AccessDenied,

    TokenInvalidGrant,
    TokenInvalidClient,
    TokenUnavailable,
    TokenNotJson,
    TokenRedirectUriMismatch,
    IdTokenMissing,
    IdTokenForAnotherClient,
    IdTokenOfAnotherIssuer,
    IdTokenWithAnotherNonce,
    IdTokenSignedByAnother,
    IdTokenExpired,
    UserInfoUnauthorized,
    UserInfoUnavailable,
    UserInfoWithoutSubject,
}
