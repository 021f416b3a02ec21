using McpIdentity.Server.Clients.Documents;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Outbound;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Doctor;

/// <summary><c>doctor --cimd</c>: whether a client would be known by the document at its URL, read and judged as in a sign-in; nothing is kept.</summary>
internal static class DocumentChecks
{
    public static readonly Check Document = new("cimd.document", Verdict.Fail, "Would a client be known by the document at this URL? (only with --cimd)",
        "Mend the document, or let its host in (OAuth:ClientDocuments).", "docs/client-documents.md, \"When it does not work\"");

    public static async Task<CheckResult> RunAsync(IServiceProvider services, string url, CancellationToken cancellationToken)
    {
        if (ClientDocumentUrls.Read(url) is not { } address)
        {
            return Document.Bad($"'{url}' is no URL that a client can be known by: https, with a path, written as browsers write it, without fragment and dot segments");
        }

        if (!services.GetRequiredService<ClientDocuments>().Admits(address))
        {
            return Document.Bad($"clients of {address.Host} are not let in by a document (OAuth:ClientDocuments)");
        }

        try
        {
            var answer = await services.GetRequiredService<GuardedHttp>().GetAsync(address, cancellationToken);
            var document = ClientDocument.Read(answer.Body, url, services.GetRequiredService<IOptions<OAuthServerOptions>>().Value.Registration);
            return Document.Pass($"{document.ClientName ?? url} is known by it, proves itself by {document.TokenEndpointAuthMethod}, and has {document.RedirectUris?.Count ?? 0} redirect URIs");
        }
        catch (Exception exception) when (exception is ClientDocumentException or GuardedHttpException)
        {
            return Document.Bad(exception.Message);
        }
    }
}
