using McpIdentity.Migrations;
using McpIdentity.Server.Persistence;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;

namespace McpIdentity.Server.Clients;

/// <summary>
/// Gives a client its row again whose identifier says what it registered: after the database was lost, or when the row had not
/// been used for long. One that was disabled or deleted still has a row, and gets no other.
/// </summary>
internal sealed partial class SignedClients(SignedClientIds ids, IServiceScopeFactory scopes, ILogger<SignedClients> logger)
{
    /// <param name="clientId">An identifier that is in no row of a client in use.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <returns>Whether it is worth to look once more.</returns>
    public async Task<bool> RestoreAsync(string clientId, CancellationToken cancellationToken)
    {
        if (ids.Read(clientId) is not var (registration, secret))
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
            await scope.ServiceProvider.GetRequiredService<ClientRegistrar>().RestoreAsync(clientId, registration, secret, cancellationToken);
            ClientRestored(clientId);
        }
        catch (Exception exception) when (exception is DbUpdateException or OpenIddictExceptions.ValidationException && !StorageFaults.IsOne(exception))
        {
            // Another request, here or on another node, was faster.
        }

        return true;
    }

    [LoggerMessage(1008, LogLevel.Information, "Client {ClientId} is not in the database, and its identifier says what it registered: it is registered again.")]
    private partial void ClientRestored(string clientId);
}
