using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using McpIdentity.Server.Operations;

namespace McpIdentity.Server.Doctor;

/// <summary>Registers a client as those in wide use do, looks at what comes back, and deletes it again (RFC 7592 §2.3). Only when it is asked for: it writes at the other side.</summary>
internal static class DryRun
{
    public static readonly Check Registration = new("registration.dry-run", Verdict.Fail, "Is a client registered, with an answer that clients can read? (only with --register)",
        "Answer 201 with the members of RFC 7591 and without null; no secret for token_endpoint_auth_method none.", "docs/interoperability.md, \"No null in the answer\"");

    private const string Metadata = """
        {"client_name":"McpIdentity doctor (may be deleted)","redirect_uris":["http://localhost/callback"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"none"}
        """;

    public static async Task<CheckResult> RunAsync(Uri url, string endpoint, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var register) || register.Scheme is not ("http" or "https"))
        {
            return Registration.Bad($"registration_endpoint is '{endpoint}', which is no address");
        }

        using var asking = new Asking(url);
        using var request = new HttpRequestMessage(HttpMethod.Post, register) { Content = new StringContent(Metadata, Encoding.UTF8, "application/json") };
        var answer = await asking.SendAsync(request, cancellationToken);
        if (answer.Object() is not { } client || answer.Status is not (HttpStatusCode.Created or HttpStatusCode.OK))
        {
            return Registration.Bad($"it was refused: {answer}{(answer.Object() is { } error && error.TryGetProperty("error", out var code) ? $", {code}" : "")}");
        }

        var left = await DeleteAsync(asking, client, cancellationToken) ? "it was deleted again" : $"it could not be deleted: delete {Text(client, "client_id")} yourself";
        var nulls = client.EnumerateObject().Where(member => member.Value.ValueKind == JsonValueKind.Null).Select(member => member.Name).ToList();
        return Text(client, "client_id") is null ? Registration.Bad($"the answer has no client_id; {left}")
            : nulls.Count > 0 ? Registration.Bad($"the answer has null for {string.Join(", ", nulls)}, which clients refuse; {left}")
            : Text(client, "token_endpoint_auth_method") == "none" && Text(client, "client_secret") is not null ? Registration.Warn($"a secret came for a client without one; {left}")
            : answer.Status == HttpStatusCode.OK ? Registration.Warn($"the answer is 200 and not 201; {left}")
            : Registration.Pass($"a client was registered; {left}");
    }

    private static async Task<bool> DeleteAsync(Asking asking, JsonElement client, CancellationToken cancellationToken)
    {
        if (Text(client, "registration_access_token") is not { } token || !Uri.TryCreate(Text(client, "registration_client_uri"), UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
        {
            return false;
        }

        using var request = new HttpRequestMessage(HttpMethod.Delete, uri) { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", token) } };
        return (await asking.SendAsync(request, cancellationToken)).Status == HttpStatusCode.NoContent;
    }

    private static string? Text(JsonElement json, string member) => json.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
