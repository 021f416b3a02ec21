namespace McpIdentity.Server.Settings;

/// <summary><c>REDIS_URL</c>, <c>redis[s]://[user:password@]host[:port][/db]</c>, as hosting platforms hand it out.</summary>
internal static class RedisUrl
{
    private const string Section = "OAuth:SessionStorage:Redis:";

    public static void Read(string url, Dictionary<string, string?> values, ConfigurationProblems problems)
    {
        if (!Uri.TryCreate(url.Trim(), UriKind.Absolute, out var uri) || uri.Scheme is not ("redis" or "rediss") || uri.Host.Length == 0)
        {
            // Not the value: there is a password in it.
            problems.Add("REDIS_URL must look like redis://:password@host:6379/0, or rediss:// for TLS.");
            return;
        }

        values[Section + "Host"] = uri.Host;
        values[Section + "Tls"] = uri.Scheme == "rediss" ? "true" : "false";
        Set("Port", uri.Port > 0 ? $"{uri.Port}" : "");
        Set("Db", uri.AbsolutePath.Trim('/'));
        var credentials = uri.UserInfo.Split(':', 2);
        Set("User", Uri.UnescapeDataString(credentials[0]));
        Set("Password", Uri.UnescapeDataString(credentials is [_, var password] ? password : ""));

        void Set(string name, string value)
        {
            if (value.Length > 0)
            {
                values[Section + name] = value;
            }
        }
    }
}
