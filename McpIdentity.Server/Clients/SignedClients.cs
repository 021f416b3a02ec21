using McpIdentity.Migrations;
using McpIdentity.Server.Clients.Statements;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Clients;

/// <summary>
/// Gives a client its row again whose identifier says what it registered: after the database was lost, or when the row had not
/// been used for long. One that was disabled or deleted still has a row, and gets no other.
/// </summary>
internal sealed partial class SignedClients(
    SignedClientIds ids, SoftwareStatements statements, IServiceScopeFactory scopes, IOptions<OAuthServerOptions> options, IHostEnvironment environment, ILogger<SignedClients> logger)
{
    /// <param name="clientId">An identifier that is in no row of a client in use.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <returns>Whether it is worth to look once more.</returns>
    public async Task<bool> RestoreAsync(string clientId, CancellationToken cancellationToken)
    {
        if (ids.Read(clientId) is not var (registration, secret) || !MayRegister(registration))
        {
            return false;
        }

        // A scope of its own: what fails here leaves nothing behind in the context of the request.
        await using var scope = scopes.CreateAsyncScope();
        if (await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Clients.AnyAsync(client => client.ClientId == clientId, cancellationToken))
        {
            return true;
        }

        try
        {
            await scope.ServiceProvider.GetRequiredService<ClientRegistrar>().RestoreAsync(clientId, registration, StatementOf(registration), secret, cancellationToken);
            ClientRestored(clientId);
        }
        catch (Exception exception) when (StorageFaults.IsTaken(exception))
        {
            // Another request, here or on another node, was faster.
        }

        return true;
    }

    // As it would have to register today: a policy that has become narrower counts for old identifiers too.
    private bool MayRegister(SignedClientIds.Registration registration)
    {
        var isVouchedFor = registration.Token is not null || StatementOf(registration) is not null;
        var (policy, metadata) = (options.Value.Registration, registration.ToMetadata());
        return ClientMetadataRules.Check(metadata, policy, policy.AllowClientCredentials ?? !environment.IsProduction()) is null &&
            policy.PolicyInForce() switch
            {
                RegistrationPolicy.Off => false,
                RegistrationPolicy.Token => isVouchedFor,
                _ => isVouchedFor || AllowedRedirectHosts.Check(metadata, policy) is null,
            };
    }

    // An issuer that the operator does not trust any more vouches for nobody.
    private SoftwareStatement? StatementOf(SignedClientIds.Registration registration) =>
        registration.ToStatement() is { } statement && statements.AreTakenOf(statement.Issuer) ? statement : null;

    [LoggerMessage(1008, LogLevel.Information, "Client {ClientId} is not in the database, and its identifier says what it registered: it is registered again.")]
    private partial void ClientRestored(string clientId);
}
