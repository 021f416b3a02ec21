using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace McpIdentity.Mcp.Options;

/// <summary>Binds the section <c>Mcp</c>, in the words an operator writes it.</summary>
internal sealed class McpOptionsSetup(IConfiguration configuration) : IConfigureOptions<McpOptions>
{
    public void Configure(McpOptions options)
    {
        var section = configuration.GetSection(McpOptions.Section);
        CheckWord<McpAuthType>(section, "Auth:AuthType", "oauth, jwt, both, none");
        CheckWord<McpSessionMode>(section, nameof(McpOptions.SessionMode), "stateless, stateful");

        // The section is shared with the host (rate limits, logging), so an unknown key is not ours to refuse.
        section.Bind(options);
        AddWords(section.GetSection("Auth:PublicTools"), options.Auth.PublicTools);
        AddWords(section.GetSection("Auth:DenyPublicTools"), options.Auth.DenyPublicTools);
        AddWords(section.GetSection("Auth:PublicCategories"), options.Auth.PublicCategories);
        foreach (var method in section.GetSection("Auth:MethodScopes").GetChildren())
        {
            AddWords(method, options.Auth.MethodScopes.TryGetValue(method.Key, out var scopes) ? scopes : options.Auth.MethodScopes[method.Key] = []);
        }
    }

    // The binder would take a number for any word, too.
    private static void CheckWord<T>(IConfigurationSection section, string key, string allowed)
        where T : struct, Enum
    {
        var word = section[key];
        if (!string.IsNullOrEmpty(word) && !Enum.GetNames<T>().Contains(word, StringComparer.OrdinalIgnoreCase))
        {
            throw new OptionsValidationException(McpOptions.Section, typeof(McpOptions), [$"Mcp:{key} is '{word}'; allowed: {allowed}."]);
        }
    }

    // "default", or names separated by commas as an environment variable has them: the binder reads a list only from its children.
    private static void AddWords(IConfigurationSection section, IList<string> list)
    {
        foreach (var word in (section.Value ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (!list.Contains(word))
            {
                list.Add(word);
            }
        }
    }
}
