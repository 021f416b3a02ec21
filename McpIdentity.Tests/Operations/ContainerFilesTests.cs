using System.Text.RegularExpressions;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Support;
using YamlDotNet.RepresentationModel;

namespace McpIdentity.Tests.Operations;

/// <summary>What can be said about the container files without a container engine.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed partial class ContainerFilesTests
{
    private static readonly string Dockerfile = File.ReadAllText(Repository.PathOf("Dockerfile"));
    private static readonly string ComposeText = File.ReadAllText(Repository.PathOf("docker-compose.yml"));
    private static readonly YamlMappingNode Compose = Parse(ComposeText);

    private static IEnumerable<string> Services => Names(Compose["services"]);

    [Test]
    public void The_stack_is_a_proxy_before_two_servers_with_PostgreSQL_and_Redis_in_current_syntax()
    {
        Assert.That(Services, Is.EquivalentTo((string[])["proxy", "server-a", "server-b", "database", "redis"]));
        Assert.That(Names(Compose), Has.No.Member("version"));
    }

    [Test]
    public void The_server_is_built_from_a_Dockerfile_that_is_there()
    {
        var context = Service("server-a")["build"].ToString();

        Assert.That(File.Exists(Repository.PathOf(context, "Dockerfile")), Is.True);
    }

    [TestCaseSource(nameof(Services))]
    public void Every_service_has_a_health_check(string name)
    {
        var service = Service(name);

        Assert.That(service.Children.ContainsKey("healthcheck") || (service.Children.ContainsKey("build") && Dockerfile.Contains("\nHEALTHCHECK ", StringComparison.Ordinal)), Is.True);
    }

    [TestCaseSource(nameof(Services))]
    public void No_service_runs_as_root(string name)
    {
        var service = Service(name);
        var user = service.Children.TryGetValue("user", out var said) ? said.ToString() : LastUser().Match(Dockerfile).Groups["user"].Value;

        Assert.That(user, Is.Not.Empty.And.Not.EqualTo("root").And.Not.StartsWith("0"));
    }

    [TestCaseSource(nameof(Services))]
    public void A_secret_reaches_a_service_through_a_file_only(string name)
    {
        var service = Service(name);
        var mounted = ((YamlSequenceNode)service["secrets"]).Select(secret => secret is YamlMappingNode mapping ? mapping["source"].ToString() : secret.ToString()).ToArray();
        var environment = service.Children.TryGetValue("environment", out var node) ? (YamlMappingNode)node : [];

        foreach (var (variable, value) in environment.Children.Select(entry => (entry.Key.ToString(), entry.Value.ToString())))
        {
            if (SecretName().IsMatch(variable))
            {
                Assert.That(variable, Does.EndWith("_FILE"));
                Assert.That(mounted, Has.Member(value.Replace("/run/secrets/", "", StringComparison.Ordinal)));
            }
        }

        Assert.That(Names(Compose["secrets"]), Is.SupersetOf(mounted));
    }

    [Test]
    public void Every_secret_is_a_file_outside_of_version_control_and_the_comment_says_how_it_is_made()
    {
        var ignored = File.ReadAllLines(Repository.PathOf(".gitignore"));
        foreach (var secret in ((YamlMappingNode)Compose["secrets"]).Children.Values)
        {
            var file = secret["file"].ToString();

            Assert.That(ignored, Has.Member(file.Split('/')[0] + "/"));
            Assert.That(ComposeText, Does.Contain($"> {file}\n"));
        }
    }

    [Test]
    public void The_environment_is_what_the_server_reads()
    {
        var names = Names(Service("server-a")["environment"]).Select(name => name.EndsWith("_FILE", StringComparison.Ordinal) ? name[..^5] : name);

        Assert.That(names, Is.SubsetOf(EnvironmentNames.Keys.Keys));
    }

    [Test]
    public void Only_the_proxy_is_reachable_and_both_servers_are_the_same()
    {
        Assert.That(Services.Where(name => Service(name).Children.ContainsKey("ports")), Is.EqualTo((string[])["proxy"]));
        Assert.That(Service("server-b"), Is.EqualTo(Service("server-a")));
        Assert.That(Service("server-a")["environment"]["TRUST_PROXY"].ToString(), Is.EqualTo("true"));
    }

    [Test]
    [Category("Nginx")]
    public async Task The_proxy_runs_with_its_configuration_and_asks_the_servers_of_the_stack()
    {
        var mount = ((YamlSequenceNode)Service("proxy")["volumes"])[0].ToString().Split(':');
        var configuration = await File.ReadAllTextAsync(Repository.PathOf(mount[0]));
        var upstreams = UpstreamServer().Matches(configuration).Select(line => line.Groups["name"].Value).Distinct();
        Assert.That(upstreams, Is.EquivalentTo(Services.Where(name => name.StartsWith("server", StringComparison.Ordinal))));
        Assert.That(Names(Compose["secrets"]), Is.SupersetOf(SecretFile().Matches(configuration).Select(path => path.Groups["name"].Value)));

        // What only the stack has is replaced: names of services, the folder of secrets.
        var folder = Directory.CreateTempSubdirectory("mcpidentity-nginx-");
        try
        {
            NginxServer.WriteCertificate(Path.Combine(folder.FullName, "tls_certificate"), Path.Combine(folder.FullName, "tls_key"));
            var here = UpstreamServer().Replace(configuration, "server 127.0.0.1:8082").Replace("/tmp/", folder.FullName + "/", StringComparison.Ordinal)
                .Replace("/run/secrets/", folder.FullName + "/", StringComparison.Ordinal);
            var file = Path.Combine(folder.FullName, "nginx.conf");
            await File.WriteAllTextAsync(file, here);

            await ChildProcess.RunAsync("/usr/sbin/nginx", ["-t", "-p", folder.FullName, "-c", file, "-e", "stderr"], folder.FullName);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public void What_the_Dockerfile_copies_is_there_and_not_ignored()
    {
        var ignored = File.ReadAllLines(Repository.PathOf(".dockerignore"));
        var sources = CopyLine().Matches(Dockerfile).SelectMany(line => line.Groups["paths"].Value.Split(' ')[..^1]).ToArray();

        Assert.That(sources, Has.Member("McpIdentity.Server/McpIdentity.Server.csproj"));
        foreach (var source in sources)
        {
            Assert.That(Path.Exists(Repository.PathOf(source)), Is.True, source);
            Assert.That(ignored, Has.No.Member(source.Split('/')[0]).And.No.Member(source.Split('/')[0] + "/"));
        }
    }

    [Test]
    public void Every_project_that_the_server_is_built_from_is_copied()
    {
        var projects = ProjectReference().Matches(File.ReadAllText(Repository.PathOf("McpIdentity.Server", "McpIdentity.Server.csproj")));

        Assert.That(projects.Select(reference => reference.Groups["folder"].Value), Is.Not.Empty.And.All.Matches<string>(
            folder => Dockerfile.Contains($"COPY {folder}/ {folder}/", StringComparison.Ordinal)));
    }

    private static YamlMappingNode Service(string name) => (YamlMappingNode)Compose["services"][name];

    private static IEnumerable<string> Names(YamlNode mapping) => ((YamlMappingNode)mapping).Children.Keys.Select(key => key.ToString());

    private static YamlMappingNode Parse(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        return (YamlMappingNode)stream.Documents[0].RootNode;
    }

    [GeneratedRegex("KEY|SECRET|PASSWORD|DATABASE_URL")]
    private static partial Regex SecretName();

    [GeneratedRegex(@"server (?<name>[a-z-]+):8082 resolve")]
    private static partial Regex UpstreamServer();

    [GeneratedRegex("/run/secrets/(?<name>[a-z_]+)")]
    private static partial Regex SecretFile();

    [GeneratedRegex(@"^COPY (?!--from)(?<paths>.+)$", RegexOptions.Multiline)]
    private static partial Regex CopyLine();

    [GeneratedRegex(@"^USER (?<user>\S+)", RegexOptions.Multiline | RegexOptions.RightToLeft)]
    private static partial Regex LastUser();

    [GeneratedRegex(@"ProjectReference Include=""\.\./(?<folder>[^/""]+)/")]
    private static partial Regex ProjectReference();
}
