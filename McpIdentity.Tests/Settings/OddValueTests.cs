using McpIdentity.Mcp;
using McpIdentity.Server.Settings;

namespace McpIdentity.Tests.Settings;

/// <summary>What somebody may write by mistake into any setting: every one of a kind is tried, from the reference itself.</summary>
[Category("Configuration")]
[Parallelizable(ParallelScope.All)]
internal sealed class OddValueTests
{
    private static IEnumerable<string> KeysOf(params Type[] types) => SettingsReference.All
        .Where(setting => !setting.IsList && types.Contains(Nullable.GetUnderlyingType(setting.Type) ?? setting.Type))
        .Select(setting => setting.Key.Replace("{id}", "corp", StringComparison.Ordinal).Replace("{n}", "0", StringComparison.Ordinal));

    [TestCase("01:30:00", "01:30:00"), TestCase("1:30:00", "01:30:00"), TestCase("7.00:00:00", "7.00:00:00"), TestCase("00:00:00.5", "00:00:00.5000000")]
    [TestCase("90", "00:01:30"), TestCase("0", "00:00:00"), TestCase("90s", "00:01:30"), TestCase("30m", "00:30:00"), TestCase("24h", "1.00:00:00"), TestCase("1h30m", "01:30:00")]
    [TestCase("7d", "7.00:00:00"), TestCase("1D12H", "1.12:00:00"), TestCase("3650d", "3650.00:00:00"), TestCase("2592000", "30.00:00:00")]
    public void A_time_is_read_as_everybody_reads_it(string text, string time) => Assert.That(Durations.Parse(text)?.ToString(), Is.EqualTo(time));

    // .NET reads the first as an error, the next two as hours and minutes, and 24:00:00 as 24 days.
    [TestCase("90:00"), TestCase("1:30"), TestCase("05:00"), TestCase("24:00:00"), TestCase("25:00:00"), TestCase("00:60:00"), TestCase("00:00:60"), TestCase("1:2:3:4")]
    [TestCase("99999999999"), TestCase("99999999999999999999999999"), TestCase("3651d"), TestCase("36500.00:00:00"), TestCase("-01:00:00"), TestCase("-1"), TestCase("-5m")]
    [TestCase("1h30"), TestCase("1.5h"), TestCase("1e3"), TestCase("0x10"), TestCase("soon"), TestCase("1 hour"), TestCase("1w"), TestCase("m"), TestCase("PT1H")]
    public void A_time_that_two_people_read_differently_is_refused_for_every_setting(string text)
    {
        var keys = KeysOf(typeof(TimeSpan)).ToList();
        var problems = SettingsFile.ProblemsOf(file => file.Build("", [.. keys.Select(key => $"--{key}={text}")]));

        Assert.That(keys, Has.Count.GreaterThan(5));
        Assert.That(keys.Where(key => !problems.Contains($"{key} ", StringComparison.Ordinal)), Is.Empty, problems);
    }

    [TestCase("abc"), TestCase("1.5"), TestCase("0x10"), TestCase("99999999999999999999"), TestCase("1e3"), TestCase("1,000"), TestCase("#10"), TestCase("tcp://10.0.0.1:80"), TestCase("-1")]
    public void A_number_that_is_none_is_refused_for_every_setting(string text)
    {
        // Some are looked at only where what they belong to is on.
        string[] on = ["--Mcp:Auth:AuthType=both", "--Jwt:Secret=a-secret-of-this-test-that-is-long-enough", "--Jwt:Issuer=us", "--Jwt:TrustedIssuers:0:Secret=a-secret-of-this-test-that-is-long-enough", "--Jwt:TrustedIssuers:0:Issuer=them"];
        var keys = KeysOf(typeof(int), typeof(long)).ToList();
        var problems = SettingsFile.ProblemsOf(file => file.Build("", [.. on, .. keys.Select(key => $"--{key}={text}")]));

        Assert.That(keys, Has.Count.GreaterThan(10));
        Assert.That(keys.Where(key => !problems.Contains(key, StringComparison.Ordinal)), Is.Empty, problems);
    }

    [Test]
    public async Task An_empty_value_is_no_value_of_any_type()
    {
        var keys = KeysOf(typeof(int), typeof(long), typeof(bool), typeof(TimeSpan)).Where(key => !key.Contains(":0:", StringComparison.Ordinal) && !key.Contains("corp", StringComparison.Ordinal));
        await using var file = new SettingsFile().Build("", [.. keys.SelectMany(key => (string[])[$"--{key}="]).Append("--Mcp:Auth:AuthType=")]);

        Assert.That(file.Options<ServerOptions>().Port, Is.EqualTo(new ServerOptions().Port));
        Assert.That(file.Options<OAuthServerOptions>().AccessTokenLifetime, Is.EqualTo(new OAuthServerOptions().AccessTokenLifetime));
        Assert.That(file.Options<OAuthServerOptions>().Enabled, Is.True);
        Assert.That(file.Options<McpOptions>().Auth.AuthType, Is.EqualTo(McpAuthType.OAuth));
    }

    [TestCase("nonsense"), TestCase("http://"), TestCase("https://exa mple.org"), TestCase("ftp://example.org"), TestCase("javascript:alert(1)"), TestCase("https://example.org:99999"), TestCase("://")]
    public void An_address_that_is_none_is_refused_for_every_setting(string text)
    {
        string[] keys =
        [
            "Server:PublicBaseUrl", "OAuth:Issuer", "OAuth:GoogleAuthorizationEndpoint", "OAuth:GoogleTokenEndpoint", "OAuth:GoogleUserInformationEndpoint", "OAuth:Resources:0",
            "OAuth:Providers:corp:Issuer", "OAuth:Providers:github:AuthorizationEndpoint", "OAuth:Providers:github:TokenEndpoint", "OAuth:Providers:github:UserInfoEndpoint",
            "Jwt:JwksUri", "Jwt:TrustedIssuers:0:Authority", "Cors:Origin:0", "Mcp:DnsRebinding:AllowedOrigins:0", "Database:Url",
        ];
        string[] on = ["--Mcp:Auth:AuthType=both", "--Jwt:Issuer=us", "--Jwt:TrustedIssuers:0:Issuer=them", "--OAuth:Providers:corp:ClientId=us", "--OAuth:Providers:corp:ClientSecret=s"];
        foreach (var key in keys)
        {
            // The address of the server decides what the others may be: each is tried by itself.
            var problems = SettingsFile.ProblemsOf(file => file.Build("", [.. on, $"--{key}={text}"]));
            var name = key == "Database:Url" ? "DATABASE_URL" : key.EndsWith(":0", StringComparison.Ordinal) ? key[..^2] : key.StartsWith("OAuth:Providers", StringComparison.Ordinal) ? key[..key.LastIndexOf(':')] : key;
            Assert.That(problems, Does.Contain(name), key);
        }
    }

    [Test]
    public async Task White_space_around_a_value_is_no_part_of_it_and_a_name_with_umlauts_is_the_one_that_travels()
    {
        await using var file = new SettingsFile().Build(
            "", "--Server:PublicBaseUrl=HTTPS://Bücher.Example/ \r", "--Server:Port= 9000\r\n", "--OAuth:AccessTokenLifetime=30m ", "--Mcp:Auth:AuthType= both\t", "--OAuth:Enabled=TRUE ",
            "--Cors:Origin=https://bücher.example , https://b.example\r", "--Mcp:DnsRebinding:AllowedOrigins:0= https://köln.example:8443\r", "--Server:AllowedHosts:0=*.bücher.example ",
            "--OAuth:Resources:0=https://köln.example/mcp\r", "--Jwt:Issuer= them\r", "--Jwt:JwksUri=https://schlüssel.example/jwks \r", "--OAuth:Issuer=https://bücher.example");

        Assert.That(file.Options<ServerOptions>().PublicBaseUrl, Is.EqualTo("https://xn--bcher-kva.example"));
        Assert.That(file.Options<ServerOptions>().Port, Is.EqualTo(9000));
        Assert.That(file.Options<ServerOptions>().AllowedHosts, Is.EqualTo((string[])["*.xn--bcher-kva.example"]));
        Assert.That(file.Options<OAuthServerOptions>().AccessTokenLifetime, Is.EqualTo(TimeSpan.FromMinutes(30)));
        Assert.That(file.Options<OAuthServerOptions>().Resources.Select(resource => resource.Resource), Is.EqualTo((string[])["https://xn--kln-sna.example/mcp"]));
        Assert.That(file.Options<McpOptions>().Auth.AuthType, Is.EqualTo(McpAuthType.Both));
        Assert.That(file.Options<McpOptions>().DnsRebinding.AllowedOrigins, Has.Member("https://xn--kln-sna.example:8443"));
        Assert.That(file.Options<CorsSettings>().Origin, Is.EqualTo((string[])["https://xn--bcher-kva.example", "https://b.example"]));
        Assert.That((file.Options<ExternalJwtOptions>().Issuer, file.Options<ExternalJwtOptions>().JwksUri), Is.EqualTo(("them", "https://xn--schlssel-95a.example/jwks")));
    }

    [Test]
    public void A_line_break_within_a_value_is_refused() =>
        Assert.That(SettingsFile.ProblemsOf(file => file.Build("", "--Server:PublicBaseUrl=https://id.example\rX-Header: 1")), Does.Contain("Server:PublicBaseUrl has a line break"));

    /// <summary>A Kubernetes Service or a Docker link of that name sets such a variable in every container.</summary>
    [Test]
    public async Task An_address_of_another_service_in_a_name_of_ours_is_ignored()
    {
        var names = EnvironmentNames.Keys.Keys.Where(name => name.EndsWith("PORT", StringComparison.Ordinal) || name.EndsWith("HOST", StringComparison.Ordinal)).ToList();
        await using var file = new SettingsFile().Build(string.Join('\n', names.Select(name => $"{name}=tcp://10.96.0.5:6379")) +
            "\nMCP_PORT=tcp://10.96.0.6:80\nDATABASE_PORT=udp://10.96.0.7:53\nREDIS_SERVICE_HOST=10.96.0.5\nREDIS_SERVICE_PORT=6379\nREDIS_PORT_6379_TCP=tcp://10.96.0.5:6379\nOAUTH_SERVICE_PORT_HTTP=80");

        Assert.That(names, Is.SupersetOf((string[])["PORT", "REDIS_PORT", "REDIS_HOST"]));
        Assert.That(file.Options<ServerOptions>().Port, Is.EqualTo(8082));
        Assert.That((file.Options<OAuthServerOptions>().SessionStorage.Redis.Host, file.Options<OAuthServerOptions>().SessionStorage.Redis.Port), Is.EqualTo(((string?)null, 6379)));
    }

    [TestCase("REDIS_HOST=redis:6379", "REDIS_PORT"), TestCase("REDIS_HOST=redis://:p@redis", "REDIS_URL"), TestCase("REDIS_HOST=r\nREDIS_PORT=70000", "REDIS_PORT"), TestCase("REDIS_HOST=r\nREDIS_DB=-1", "REDIS_DB")]
    [TestCase("REDIS_URL=redis://", "REDIS_URL"), TestCase("REDIS_URL=redis.internal:6379", "REDIS_URL"), TestCase("REDIS_URL=redis://h/first", "REDIS_DB")]
    public void An_address_of_Redis_that_leads_nowhere_is_refused(string lines, string message) =>
        Assert.That(SettingsFile.ProblemsOf(file => file.Build(lines)), Does.Contain(message));
}
