using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using McpIdentity.Tests.Support;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace McpIdentity.Tests.Operations;

/// <summary>The files of deploy/ (docs/deployment.md), as far as they can be tried without a container engine, a cluster or systemd: what each says of the server, the server itself judges.</summary>
[Category("Docs")]
[Parallelizable(ParallelScope.All)]
internal sealed partial class DeploymentTests
{
    private const string Address = "https://id.example.org";

    private static readonly string[] ComposeFiles = ["docker-compose.yml", "deploy/compose.single.yml", "deploy/compose.try.yml"];
    private static readonly string[] Manifests = [.. Directory.EnumerateFiles(Repository.PathOf("deploy", "kubernetes"), "*.yaml").Select(Path.GetFileName).OfType<string>()];

    private static IEnumerable<TestCaseData> Services => ComposeFiles.SelectMany(file => NamesOf(file).Select(name => new TestCaseData(file, name)));

    [TestCaseSource(nameof(Services))]
    public void A_container_is_pinned_limited_without_rights_and_its_log_fills_no_disk(string file, string name)
    {
        var service = Service(file, name);
        var limits = service["deploy"]["resources"]["limits"];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(service["image"].ToString(), Does.Match(@"^[a-z]+:(\$\{MCPIDENTITY_VERSION:-)?\d+\.\d+(\.\d+)?(-alpine)?\}?$"), "a version, and no registry");
            Assert.That((limits["cpus"].ToString().Length, limits["memory"].ToString().Length, limits["pids"].ToString().Length), Is.GreaterThan((0, 0, 0)));
            Assert.That(List(service["cap_drop"]), Is.EqualTo((string[])["ALL"]));
            Assert.That(List(service["security_opt"]), Has.Member("no-new-privileges:true"));
            Assert.That((service["logging"]["options"]["max-size"].ToString(), service["logging"]["options"]["max-file"].ToString()), Is.EqualTo(("20m", "5")));
            Assert.That(List(service["networks"]), Is.Not.Empty);
        }
    }

    [Test]
    public void Neither_the_proxy_nor_the_world_reaches_the_database_and_Redis()
    {
        var compose = Read("docker-compose.yml").Single();

        Assert.That(compose["networks"]["data"]["internal"].ToString(), Is.EqualTo("true"));
        Assert.That(NamesOf("docker-compose.yml").ToDictionary(name => name, name => string.Join(' ', List(Service("docker-compose.yml", name)["networks"]))), Is.EqualTo(new Dictionary<string, string>
        {
            ["proxy"] = "front",
            ["server-a"] = "front data",
            ["server-b"] = "front data",
            ["database"] = "data",
            ["redis"] = "data",
        }));
    }

    [TestCase("deploy/compose.try.yml", "server"), TestCase("deploy/compose.single.yml", "server-behind-proxy")]
    public void What_has_no_TLS_listens_on_this_machine_alone(string file, string name) =>
        Assert.That(List(Service(file, name)["ports"]), Is.All.StartsWith("127.0.0.1:"));

    // What stands in them besides is the server's to find wrong: doctor is Production's checklist.
    [TestCase("docker-compose.yml", "server-a", "GoogleClientId"), TestCase("docker-compose.yml", "server-b", "GitHubClientId"), TestCase("deploy/compose.single.yml", "server", "MicrosoftClientId")]
    [TestCase("deploy/compose.single.yml", "server-behind-proxy", "Providers")]
    public async Task The_server_takes_the_settings_of_a_container_with_any_provider(string file, string name, string provider)
    {
        var environment = ((YamlMappingNode)Service(file, name)["environment"]).Children.ToDictionary(pair => pair.Key.ToString(), pair => pair.Value.ToString());
        Assert.That(File.ReadAllText(Repository.PathOf(file.Split('/'))), Does.Not.Contain("GOOGLE").And.Not.Contain("GITHUB"));

        await JudgeAsync(environment, "/run/secrets", SignIn(provider));
    }

    [Test]
    public async Task The_server_takes_the_settings_of_the_one_for_trying()
    {
        var environment = ((YamlMappingNode)Service("deploy/compose.try.yml", "server")["environment"]).Children.ToDictionary(pair => pair.Key.ToString(), pair => (string?)pair.Value.ToString());
        environment["ASPNETCORE_URLS"] = null;
        await using var server = await ServerProcess.StartAsync(new ServerStart { EnvironmentName = environment["ASPNETCORE_ENVIRONMENT"]!, Environment = environment });
        using var alice = new Person(server.BaseUrl);

        await (await OAuthClient.RegisterPublicAsync(server.Http)).ConnectAsync(alice);
    }

    [TestCase("server.yaml", "Deployment"), TestCase("migrate.yaml", "Job")]
    public async Task The_server_takes_the_settings_of_a_pod(string file, string kind)
    {
        var container = Container(Manifest(file, kind));
        var environment = container["env"] is YamlSequenceNode list ? list.ToDictionary(entry => entry["name"].ToString(), entry => entry["value"].ToString()) : [];

        await JudgeAsync(environment, "/var/run/secrets/mcpidentity", SignIn("GoogleClientId"), kind == "Job" ? ["config", "validate"] : ["doctor", "--offline"]);
    }

    [TestCase("server.yaml", "Deployment"), TestCase("migrate.yaml", "Job")]
    public void A_pod_runs_without_rights_with_limits_and_secrets_as_files(string file, string kind)
    {
        var pod = Manifest(file, kind)["spec"]["template"]["spec"];
        var container = Container(Manifest(file, kind));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((pod["securityContext"]["runAsNonRoot"].ToString(), pod["securityContext"]["seccompProfile"]["type"].ToString(), pod["automountServiceAccountToken"].ToString()), Is.EqualTo(("true", "RuntimeDefault", "false")));
            Assert.That(File.ReadAllText(Repository.PathOf("Dockerfile")), Does.Contain($"USER {pod["securityContext"]["runAsUser"]}:{pod["securityContext"]["runAsGroup"]}"));
            Assert.That((container["securityContext"]["readOnlyRootFilesystem"].ToString(), container["securityContext"]["allowPrivilegeEscalation"].ToString()), Is.EqualTo(("true", "false")));
            Assert.That(List(container["securityContext"]["capabilities"]["drop"]), Is.EqualTo((string[])["ALL"]));
            Assert.That((container["resources"]["requests"]["cpu"].ToString().Length, container["resources"]["requests"]["memory"].ToString().Length, container["resources"]["limits"]["memory"].ToString().Length), Is.GreaterThan((0, 0, 0)));
            Assert.That(((YamlSequenceNode)container["env"]).Select(entry => entry["name"].ToString()).Where(variable => SecretName().IsMatch(variable)), Is.All.EndsWith("_FILE"));
            Assert.That(((YamlSequenceNode)container["volumeMounts"]).Select(mount => mount["name"].ToString()), Is.EquivalentTo(((YamlSequenceNode)pod["volumes"]).Select(volume => volume["name"].ToString())));
        }
    }

    [Test]
    public void Pods_are_several_asked_by_their_health_and_given_the_time_to_end()
    {
        var deployment = Manifest("server.yaml", "Deployment")["spec"];
        var pod = deployment["template"]["spec"];
        var container = Container(Manifest("server.yaml", "Deployment"));
        var environment = ((YamlSequenceNode)container["env"]).ToDictionary(entry => entry["name"].ToString(), entry => entry["value"].ToString());
        var drain = int.Parse(environment["Server__DrainSeconds"], CultureInfo.InvariantCulture);
        var readiness = container["readinessProbe"];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(int.Parse(deployment["replicas"].ToString(), CultureInfo.InvariantCulture), Is.GreaterThanOrEqualTo(2));
            Assert.That((container["startupProbe"]["httpGet"]["path"].ToString(), container["livenessProbe"]["httpGet"]["path"].ToString(), readiness["httpGet"]["path"].ToString()), Is.EqualTo(("/health/ready", "/health/live", "/health/ready")));
            // docs/operations.md, "Several servers": ten seconds more than the draining.
            Assert.That(int.Parse(pod["terminationGracePeriodSeconds"].ToString(), CultureInfo.InvariantCulture), Is.GreaterThanOrEqualTo(drain + 10));
            Assert.That(int.Parse(readiness["periodSeconds"].ToString(), CultureInfo.InvariantCulture) * int.Parse(readiness["failureThreshold"].ToString(), CultureInfo.InvariantCulture), Is.LessThan(drain), "who asks notices in time");
            Assert.That(((YamlSequenceNode)pod["topologySpreadConstraints"]).Select(spread => spread["topologyKey"].ToString()), Is.EqualTo((string[])["kubernetes.io/hostname", "topology.kubernetes.io/zone"]));
            Assert.That(Manifest("server.yaml", "PodDisruptionBudget")["spec"]["minAvailable"].ToString(), Is.EqualTo("1"));
            Assert.That(deployment["strategy"]["rollingUpdate"]["maxUnavailable"].ToString(), Is.EqualTo("0"));
            Assert.That(environment["TRUST_PROXY"], Is.EqualTo("true"));
        }
    }

    [Test]
    public void The_manifests_belong_together()
    {
        var labels = Manifest("server.yaml", "Deployment")["spec"]["template"]["metadata"]["labels"];
        var ports = ((YamlSequenceNode)Container(Manifest("server.yaml", "Deployment"))["ports"]).Select(port => port["name"].ToString()).ToList();
        var annotations = Manifest("ingress.yaml", "Ingress")["metadata"]["annotations"];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(List(Read("deploy/kubernetes/kustomization.yaml").Single()["resources"]), Is.EquivalentTo(Manifests.Where(name => name != "kustomization.yaml")));
            Assert.That(Manifest("server.yaml", "Service")["spec"]["selector"], Is.EqualTo(labels));
            Assert.That(Manifest("server.yaml", "PodDisruptionBudget")["spec"]["selector"]["matchLabels"], Is.EqualTo(labels));
            Assert.That(Manifest("server.yaml", "Deployment")["spec"]["selector"]["matchLabels"], Is.EqualTo(labels));
            Assert.That(((YamlSequenceNode)Manifest("server.yaml", "Service")["spec"]["ports"]).Select(port => port["targetPort"].ToString()), Is.EqualTo(ports));
            Assert.That(((YamlSequenceNode)Manifest("network-policy.yaml", "NetworkPolicy")["spec"]["ingress"]).Select(rule => rule["ports"][0]["port"].ToString()), Is.EqualTo(ports));
            Assert.That((annotations["nginx.ingress.kubernetes.io/proxy-buffering"].ToString(), annotations["nginx.ingress.kubernetes.io/proxy-next-upstream"].ToString()), Is.EqualTo(("off", "error timeout")), "streams pass, and nothing is done twice");
        }
    }

    [Test]
    public async Task The_server_takes_the_settings_of_the_service_of_systemd()
    {
        var unit = Unit();
        var environment = unit.Where(line => line.Key == "Environment").Select(line => line.Value.Trim('"').Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1].Replace("%S", "/var/lib", StringComparison.Ordinal));
        // "%d": the folder of the credentials, with one file that has everything.
        Assert.That(unit.Single(line => line.Key == "ExecStart").Value, Is.EqualTo("/opt/mcpidentity/McpIdentity.Server --contentRoot=%d"));
        Assert.That(unit.Single(line => line.Key == "LoadCredential").Value, Is.EqualTo("appsettings.json:/etc/mcpidentity/appsettings.json"));

        await JudgeAsync(environment, "/none", JsonBlock("\"PublicBaseUrl\"").Replace("\"EncryptionKey\": \"…\"", "\"EncryptionKey\": \"Wq7cRz0pVb93LkTnYd5sHf82MxJgEu4a\"", StringComparison.Ordinal), ["doctor", "--offline"], "appsettings.json");
    }

    [Test]
    public async Task The_service_of_systemd_has_no_rights_and_systemd_can_read_it()
    {
        var unit = Unit().ToLookup(line => line.Key, line => line.Value);
        using (Assert.EnterMultipleScope())
        {
            foreach (var switched in (string[])["DynamicUser", "NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "ProtectKernelModules", "ProtectKernelTunables", "ProtectControlGroups", "RestrictNamespaces", "RestrictSUIDSGID", "LockPersonality"])
            {
                Assert.That(unit[switched], Is.EqualTo((string[])["yes"]), switched);
            }

            Assert.That((unit["ProtectSystem"].Single(), unit["CapabilityBoundingSet"].Single(), unit["SystemCallFilter"].Single(), unit["StateDirectory"].Single()), Is.EqualTo(("strict", "", "@system-service", "mcpidentity")));
        }

        if (File.Exists("/usr/bin/systemd-analyze"))
        {
            using var folder = new TemporaryFolder();
            var file = folder.File("mcpidentity.service");
            await File.WriteAllTextAsync(file, (await File.ReadAllTextAsync(Repository.PathOf("deploy", "mcpidentity.service"))).Replace("/opt/mcpidentity/McpIdentity.Server", "/bin/true", StringComparison.Ordinal));
            await using var verify = ChildProcess.Start("/usr/bin/systemd-analyze", ["verify", file], folder.Path);

            Assert.That((await verify.WaitForExitAsync(), verify.Output), Is.EqualTo((0, "")));
        }
    }

    // sd_notify(3): what systemd waits for with Type=notify.
    [Test]
    public async Task A_service_manager_is_told_when_the_server_serves()
    {
        using var folder = new TemporaryFolder();
        using var manager = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        manager.Bind(new UnixDomainSocketEndPoint(folder.File("notify")));
        var heard = new byte[64];
        var hearing = manager.ReceiveAsync(heard);

        await using var server = await ServerProcess.StartAsync(new ServerStart { Environment = new Dictionary<string, string?> { ["NOTIFY_SOCKET"] = folder.File("notify") } });

        Assert.That(Encoding.UTF8.GetString(heard, 0, await hearing.WaitAsync(TimeSpan.FromMinutes(1))), Is.EqualTo("READY=1"));
    }

    // Docker's resolver is asked anew for every server; a request that may have done something goes to nobody else (docs/operations.md, "Several servers").
    [Test]
    public void The_proxy_looks_its_servers_up_again_and_sends_nothing_twice()
    {
        var configuration = File.ReadAllText(Repository.PathOf("deploy", "nginx.conf"));
        var servers = UpstreamLine().Matches(configuration).Select(match => match.Value.Trim()).ToList();

        Assert.That(servers, Has.Count.EqualTo(4).And.All.Contains(":8082 resolve "));
        Assert.That(configuration, Does.Contain("resolver 127.0.0.11 valid=2s;").And.Contain("zone mcpidentity ").And.Contain("proxy_next_upstream error timeout;").And.Not.Contain("non_idempotent"));
        Assert.That(Service("docker-compose.yml", "proxy")["image"].ToString(), Does.Match(@"^nginx:1\.(2[89]|[3-9]\d)\."), "1.27.3 knows resolve");
    }

    [Test]
    public async Task The_commands_that_make_the_secrets_make_each_that_a_file_wants()
    {
        using var shell = new Shell();
        var block = ShellBlock.In("docs/deployment.md").Single(block => block.RunBy == nameof(DeploymentTests) && block.Text.Contains("install -d", StringComparison.Ordinal));

        var (exitCode, output) = await shell.RunAsync($"echo '{{}}' > sign-in.json\n{string.Join('\n', block.Commands)}\nls data/secrets; stat -c %a data/secrets; cat data/secrets/database_url");

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("700").And.Match(@"postgres://mcpidentity:[0-9a-f]{48}@database/mcpidentity"));
        var made = output.Split('\n').Select(line => line.Trim()).ToList();
        Assert.That(((YamlMappingNode)Read("docker-compose.yml").Single()["secrets"]).Children.Keys.Select(key => key.ToString()).Where(name => !name.StartsWith("tls_", StringComparison.Ordinal)), Is.SubsetOf(made));
    }

    [TestCase("docs/deployment.md", "doctor --offline"), TestCase("docs/backup.md", "before-upgrade.db"), TestCase("docs/telemetry.md", "OTEL_EXPORTER_OTLP_ENDPOINT=http")]
    public async Task The_commands_of_the_page_work_as_they_are_printed(string page, string what)
    {
        using var shell = new Shell();
        using var folder = new TemporaryFolder();
        shell.Environment["Database__ConnectionString"] = $"Data Source={folder.File("mcpidentity.db")}";
        var block = ShellBlock.In(page).Single(block => block.RunBy == nameof(DeploymentTests) && block.Text.Contains(what, StringComparison.Ordinal));

        var (exitCode, output) = await shell.RunAsync(string.Join('\n', block.Commands));

        Assert.That(exitCode, Is.Zero, output);
    }

    // In Production, by the server's own judgement: unknown names, unreadable files and what the checklist asks for are its to say.
    private static async Task JudgeAsync(Dictionary<string, string> environment, string secrets, string settings, string[]? verb = null, string file = "appsettings.Production.json")
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File(file), settings);
        await File.WriteAllTextAsync(folder.File("encryption_key"), "Wq7cRz0pVb93LkTnYd5sHf82MxJgEu4a");
        await File.WriteAllTextAsync(folder.File("redis_password"), "5f0c1d9e7a3b48260f1e9d8c7b6a5948");
        await File.WriteAllTextAsync(folder.File("database_url"), "postgres://mcpidentity:5f0c1d9e7a3b4826@database/mcpidentity");
        NginxServer.WriteCertificate(folder.File("tls_certificate"), folder.File("tls_key"));
        var start = new ServerStart
        {
            Folder = folder.Path,
            EnvironmentName = "Production",
            Environment = environment.ToDictionary(pair => pair.Key, pair => (string?)Interpolated().Replace(pair.Value, Address).Replace(secrets, folder.Path, StringComparison.Ordinal)),
            Arguments = [.. verb ?? ["doctor", "--offline"], $"--contentRoot={folder.Path}"],
        };

        var (exitCode, output) = await ServerProcess.RunAsync(start);

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Not.Contain("FAIL"));
    }

    private static string SignIn(string provider) => JsonBlock(provider).Replace("\"MicrosoftTenant\": \"…\"", "\"MicrosoftTenant\": \"4f2d6c1e-7a0b-4d3e-9c5f-8b1a2d3e4f50\"", StringComparison.Ordinal).Replace("\"…\"", "\"9fK2mQ7xZr4TbW8sVn3Lc6Hd\"", StringComparison.Ordinal);

    private static string JsonBlock(string with) => JsonFence().Matches(File.ReadAllText(Repository.PathOf("docs", "deployment.md"))).Select(match => match.Groups[1].Value).First(json => json.Contains(with, StringComparison.Ordinal));

    private static List<KeyValuePair<string, string>> Unit() =>
        [.. File.ReadAllLines(Repository.PathOf("deploy", "mcpidentity.service")).Where(line => line.Contains('=', StringComparison.Ordinal) && line[0] != '#').Select(line => line.Split('=', 2)).Select(pair => KeyValuePair.Create(pair[0], pair[1]))];

    private static IEnumerable<string> NamesOf(string file) => ((YamlMappingNode)Read(file).Single()["services"]).Children.Keys.Select(key => key.ToString());

    private static YamlMappingNode Service(string file, string name) => (YamlMappingNode)Read(file).Single()["services"][name];

    private static YamlNode Manifest(string file, string kind) => Read("deploy/kubernetes/" + file).Single(document => document["kind"].ToString() == kind);

    private static YamlMappingNode Container(YamlNode workload) => (YamlMappingNode)((YamlSequenceNode)workload["spec"]["template"]["spec"]["containers"]).Single();

    private static IEnumerable<string> List(YamlNode sequence) => ((YamlSequenceNode)sequence).Select(item => item.ToString());

    // With what "<<" brings along, as Compose reads it.
    private static IEnumerable<YamlNode> Read(string file)
    {
        var stream = new YamlStream();
        stream.Load(new MergingParser(new Parser(new StringReader(File.ReadAllText(Repository.PathOf(file.Split('/')))))));
        return stream.Documents.Select(document => document.RootNode);
    }

    [GeneratedRegex("KEY|SECRET|PASSWORD|DATABASE_URL")]
    private static partial Regex SecretName();

    [GeneratedRegex(@"\$\{OAUTH_BASE_URL:[^}]*\}")]
    private static partial Regex Interpolated();

    [GeneratedRegex("```json\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex JsonFence();

    [GeneratedRegex(@"^\s+server \S+:8082.*$", RegexOptions.Multiline)]
    private static partial Regex UpstreamLine();
}
