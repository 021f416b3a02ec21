using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Protocol;

/// <summary>Refuses resources that no client could name (RFC 8707 §2: an absolute URI without a fragment).</summary>
internal sealed class ResourceRules : IValidateOptions<OAuthServerOptions>
{
    public ValidateOptionsResult Validate(string? name, OAuthServerOptions options)
    {
        var problems = options.Resources.Where(resource => !IsResourceIdentifier(resource))
            .Select(resource => $"OAuth:Resources has '{resource}'; a resource identifier is an https URL (http on loopback) without query or fragment.").ToList();
        return problems.Count > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }

    private static bool IsResourceIdentifier(string value) =>
        Uri.TryCreate(value, UriKind.Absolute, out var url) && url is { Query: "", Fragment: "", UserInfo: "" } &&
        (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback));
}
