namespace McpIdentity.Tests.Clients.Documents;

/// <summary>The shapes of documents that well-known clients publish, with what is odd in each.</summary>
internal static class PublishedDocuments
{
    public static IEnumerable<TestCaseData> All()
    {
        // No token_endpoint_auth_method, and methods to choose from (docs/interoperability.md, "Methods to choose from").
        yield return Case("ChatGPT", "/oauth/client.json", "https://chatgpt.com/connector/oauth/abc", new
        {
            client_name = "ChatGPT",
            redirect_uris = new[] { "https://chatgpt.com/connector/oauth/abc", "https://chatgpt.com/connector_platform_oauth_redirect" },
            grant_types = new[] { "authorization_code", "refresh_token" },
            response_types = new[] { "code" },
            token_endpoint_auth_methods_supported = new[] { "none", "private_key_jwt" },
            token_endpoint_auth_signing_alg_values_supported = new[] { "ES256", "RS256" },
        });

        // A grant of confidential clients in the document of a public one ("Grants in a document").
        yield return Case("Claude", "/oauth/mcp-oauth-client-metadata", "https://claude.ai/api/mcp/auth_callback", new
        {
            client_name = "Claude",
            client_uri = "https://claude.ai",
            redirect_uris = new[] { "https://claude.ai/api/mcp/auth_callback", "https://claude.com/api/mcp/auth_callback" },
            grant_types = new[] { "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer" },
            response_types = new[] { "code" },
            token_endpoint_auth_method = "none",
        });

        // Redirect URIs without a port, requested with one ("Loopback ports").
        yield return Case("Claude Code", "/oauth/claude-code-client-metadata", "http://localhost:51764/callback", new
        {
            client_name = "Claude Code",
            client_uri = "https://claude.ai",
            redirect_uris = new[] { "http://localhost/callback", "http://127.0.0.1/callback" },
            grant_types = new[] { "authorization_code", "refresh_token" },
            response_types = new[] { "code" },
            token_endpoint_auth_method = "none",
        });

        // A logo of another host, several kinds of redirect URIs ("Several redirect URIs"), and application_type native.
        yield return Case("VS Code", "/oauth/client-metadata.json", "http://127.0.0.1:33418/", new
        {
            client_name = "Visual Studio Code",
            client_uri = "https://vscode.dev/product",
            logo_uri = "https://code.visualstudio.com/assets/favicon.ico",
            application_type = "native",
            redirect_uris = new[] { "http://127.0.0.1:33418/", "https://vscode.dev/redirect", "https://insiders.vscode.dev/redirect" },
            grant_types = new[] { "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code" },
            response_types = new[] { "code" },
            token_endpoint_auth_method = "none",
            scope = "offline_access",
        });
    }

    private static TestCaseData Case(string name, string path, string redirectUri, object document) =>
        new TestCaseData(path, document, redirectUri).SetArgDisplayNames(name);
}
