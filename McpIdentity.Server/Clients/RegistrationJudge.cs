using McpIdentity.Server.Clients.Statements;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Clients;

/// <summary>Whether what a client says of itself may be registered: asked by <c>/register</c>, and by an operator who tries.</summary>
internal sealed class RegistrationJudge(SoftwareStatements statements, IOptions<OAuthServerOptions> options, IHostEnvironment environment)
{
    /// <summary>The rule that wants an initial access token, or a statement in its place.</summary>
    public const string NeedsToken = "initial_access_token";

    private const string OfStatements = "software_statement";
    private const string OfMetadata = "metadata";
    private const string OfRedirectHosts = "redirect_hosts";

    /// <param name="metadata">What the client sent, which afterwards says what its software statement says.</param>
    /// <param name="hasToken">Whether it came with a good initial access token, which vouches for it.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <returns>Its statement; and why it is refused, by which rule: null where it is not.</returns>
    public async Task<(SoftwareStatement? Statement, OAuthError? Refusal, string? Rule)> JudgeAsync(ClientMetadata metadata, bool hasToken, CancellationToken cancellationToken)
    {
        var (statement, unfit) = await statements.ApplyAsync(metadata, before: null, cancellationToken);
        var policy = options.Value.Registration;
        if (unfit is not null)
        {
            return (null, unfit, OfStatements);
        }

        if (ClientMetadataRules.Check(metadata, policy, policy.AllowClientCredentials ?? !environment.IsProduction()) is { } wrong)
        {
            return (statement, wrong, OfMetadata);
        }

        // For whom nobody vouches. One that has to wait for an operator is registered all the same.
        return hasToken || statement is { Vouches: true } ? (statement, null, null)
            : policy.PolicyInForce() != RegistrationPolicy.Token ? AllowedRedirectHosts.Check(metadata, policy) is { } elsewhere ? (statement, elsewhere, OfRedirectHosts) : (statement, null, null)
            : statement is null ? (null, new OAuthError(Errors.InvalidToken, "Registration needs an initial access token of this server's operator, or a software statement of an issuer whom they trust."), NeedsToken)
            : (statement, SoftwareStatements.DoesNotVouch, OfStatements);
    }
}
