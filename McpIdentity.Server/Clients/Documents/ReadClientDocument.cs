using McpIdentity.Server.Outbound;
using Microsoft.AspNetCore;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpIdentity.Server.Clients.Documents;

/// <summary>
/// Wherever a client names itself by the URL of its document, the document has been read before anything asks who it is. A person
/// who is to allow something sees what it says now; a request to a token endpoint goes on with what was read last, while it is read again.
/// </summary>
internal sealed class ReadClientDocument(ClientDocuments documents, IOpenIddictApplicationManager clients, TimeProvider time) :
    IOpenIddictServerHandler<ValidateAuthorizationRequestContext>,
    IOpenIddictServerHandler<ProcessAuthenticationContext>
{
    public async ValueTask HandleAsync(ValidateAuthorizationRequestContext context)
    {
        if (ClientDocumentUrls.IsMeant(context.Request.ClientId))
        {
            await HandleAsync(context, context.Request.ClientId!, isForPerson: true);
        }
    }

    public async ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        // At /oauth/authorize it has just been read.
        if (context.EndpointType != OpenIddictServerEndpointType.Authorization && ClientDocumentUrls.IsMeant(context.Request.ClientId))
        {
            await HandleAsync(context, context.Request.ClientId!, isForPerson: false);
        }
    }

    private async Task HandleAsync(BaseValidatingContext context, string clientId, bool isForPerson)
    {
        if (ClientDocumentUrls.Read(clientId) is not { } url)
        {
            context.Reject(isForPerson ? Errors.InvalidRequest : Errors.InvalidClient, "The client_id is not the URL of a client ID metadata document: https, with a path, in its usual form.");
            return;
        }

        if (!documents.Admits(url))
        {
            context.Reject(Errors.UnauthorizedClient, "The operator of this server does not let in clients that are described by a document at this host.");
            return;
        }

        var now = time.GetUtcNow();
        var known = await clients.FindByClientIdAsync(clientId, context.CancellationToken) is { } client
            ? DocumentTimes.Of(await clients.GetPropertiesAsync(client, context.CancellationToken))
            : null;
        if (known?.IsFresh(now) == true)
        {
            return;
        }

        if (known?.IsGoodOnError(now) == true && !isForPerson)
        {
            documents.ReadInBackground(url);
            return;
        }

        try
        {
            await documents.ReadAsync(url, context.Transaction.GetHttpRequest()?.HttpContext.Connection.RemoteIpAddress, context.CancellationToken);
        }
        catch (Exception exception) when (exception is GuardedHttpException or ClientDocumentException)
        {
            if (exception is GuardedHttpException && known?.IsGoodOnError(now) == true && await documents.WasUsedAsync(clientId, context.CancellationToken))
            {
                return;
            }

            // Nothing is wrong with the client when its document cannot be read for once: it must not throw away what it holds.
            context.Reject(
                exception is GuardedHttpException ? Errors.TemporarilyUnavailable : isForPerson ? "invalid_client_metadata" : Errors.InvalidClient,
                $"The client_id metadata document was not taken: {exception.Message}.");
        }
    }
}
