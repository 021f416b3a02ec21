using System.Security.Claims;
using System.Text.Json;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.IssuerKeys;
using McpIdentity.Server.Protocol;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Clients.Assertions;

/// <summary>
/// <c>private_key_jwt</c> (RFC 7523 §2.2, §3; OpenID Connect Core §9): a client proves with its key who it is, at the token,
/// introspection and revocation endpoints. In place of OpenIddict's own three handlers, which take no <c>typ</c> but one that
/// hardly any client sends, no audience but the issuer, and the same assertion any number of times.
/// </summary>
/// <remarks>
/// Who has not proven to hold the key hears of one refusal only; who has is told what is wrong with the assertion. Every refusal is
/// <c>invalid_client</c> but that keys could not be read, on which a client must not throw its registration away.
/// </remarks>
internal sealed partial class AuthenticateByAssertion(
    IOpenIddictApplicationManager clients, ClientKeys keys, UsedAssertions used, TokenVerifier verifier, PublicAddress address, TimeProvider time,
    ILogger<AuthenticateByAssertion> logger) : IOpenIddictServerHandler<ProcessAuthenticationContext>
{
    /// <summary>How far ahead <c>exp</c> may be: until then the <c>jti</c> is remembered.</summary>
    public static readonly TimeSpan MaxLifetime = TimeSpan.FromHours(1);

    /// <summary>What clocks may differ by.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(60);

    private const int MaxTokenIdLength = 512;

    // RFC 7523 §4 leaves the type open and most libraries write "JWT" or none; the last is of the draft that updates the RFC.
    private static readonly string?[] Types = [null, "JWT", "application/jwt", "client-authentication+jwt", "application/client-authentication+jwt"];

    public async ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        if (string.IsNullOrEmpty(context.ClientAssertion))
        {
            return;
        }

        using var assertion = UnverifiedToken.TryRead(context.ClientAssertion);
        // NameClientByAssertion has named the client by it where the request does not.
        if (assertion?.Issuer is not { Length: > 0 } clientId || clientId != context.ClientId || clientId != UnverifiedToken.Text(assertion.Payload, ClaimNames.Subject))
        {
            Refuse(context, "it is no JWT of this client");
            return;
        }

        var client = (OpenIddictEntityFrameworkCoreApplication?)await clients.FindByClientIdAsync(clientId, context.CancellationToken);
        var properties = client is null ? [] : await clients.GetPropertiesAsync(client, context.CancellationToken);
        if (client is null || keys.SourceOf(client, properties) is not { } source)
        {
            Refuse(context, "there is no such client, or it has no keys");
            return;
        }

        if (ClientApproval.IsAwaited(properties))
        {
            // Whom nobody has let in does not make us ask anywhere.
            context.Reject(Errors.TemporarilyUnavailable, RefuseWaitingClients.Description);
            return;
        }

        var audiences = CallerReader.Texts(assertion.Payload, ClaimNames.Audience).ToList();
        var outcome = await verifier.VerifyAsync(assertion, RulesOf(clientId, audiences, source), context.CancellationToken);
        if (outcome.IsUnknown || (outcome.Refusal is TokenRefusals.Signature && source is KeysAtUri { MayBeOutOfDate: true }))
        {
            context.Reject(Errors.TemporarilyUnavailable, "The client's keys cannot be read at the moment. Try again shortly.");
        }
        else if (outcome.Refusal is TokenRefusals.Signature)
        {
            Refuse(context, outcome.Refusal);
        }
        else if ((outcome.Refusal ?? Check(assertion, audiences)) is { } refusal)
        {
            Refuse(context, refusal, refusal);
        }
        else if (!await used.TrySpendAsync(clientId, UnverifiedToken.Text(assertion.Payload, ClaimNames.TokenId)!, outcome.Caller!.Expires + ClockSkew))
        {
            Refuse(context, Used, Used);
        }
        else if (await clients.HasClientTypeAsync(client, ClientTypes.Public, context.CancellationToken))
        {
            // A public client that need not authenticate has done so: OpenIddict would refuse it for that.
            context.ClientAssertion = null;
        }
        else
        {
            context.ClientAssertionPrincipal = new ClaimsPrincipal(outcome.Caller.Identity);
        }
    }

    private const string Used = "It has been used before (jti)";

    private IssuerRules RulesOf(string clientId, List<string> audiences, IKeySource source) => new()
    {
        Issuer = clientId,
        Audience = audiences.Find(OwnNames().Contains) ?? address.Issuer,
        Keys = source,
        Algorithms = TokenAlgorithms.Asymmetric,
        ClockSkew = ClockSkew,
        ScopeClaims = [],
        Types = Types,
    };

    // The issuer as the draft that updates RFC 7523 wants it (a library that parses it as a URL adds a slash), and what the RFC
    // lets clients write: our endpoints, by their own addresses and no others.
    private List<string> OwnNames() =>
    [
        address.Issuer, address.BaseUri.AbsoluteUri, address.UrlOf(Paths.Token), address.UrlOf(Paths.Introspect), address.UrlOf(Paths.Revoke),
    ];

    private string? Check(UnverifiedToken assertion, List<string> audiences) =>
        UnverifiedToken.Text(assertion.Payload, ClaimNames.TokenId) is not { Length: > 0 and <= MaxTokenIdLength }
            ? $"It needs an identifier of at most {MaxTokenIdLength} characters (jti)"
        : NumericDate.Read(assertion.Payload, ClaimNames.Expires) > (time.GetUtcNow() + MaxLifetime + ClockSkew).ToUnixTimeSeconds()
            ? $"It expires later than in {MaxLifetime.TotalMinutes} minutes (exp)"
        // Of several audiences each must be ours: an assertion that is good elsewhere too could have come from there (RFC 7523 §3).
        : !audiences.TrueForAll(OwnNames().Contains) || (AudienceOf(assertion) is { ValueKind: JsonValueKind.Array } list && list.GetArrayLength() != audiences.Count)
            ? TokenRefusals.Audience
        : null;

    private static JsonElement AudienceOf(UnverifiedToken assertion) => assertion.Payload.GetProperty(ClaimNames.Audience);

    private void Refuse(ProcessAuthenticationContext context, string reason, string? told = null)
    {
        AssertionRefused(context.ClientId, reason);
        context.Reject(Errors.InvalidClient, told is null ? "The client assertion is not accepted." : $"The client assertion is not accepted. {told}.");
    }

    [LoggerMessage(1022, LogLevel.Information, "An assertion of client {ClientId} was refused: {Reason}.")]
    private partial void AssertionRefused(string? clientId, string reason);
}
