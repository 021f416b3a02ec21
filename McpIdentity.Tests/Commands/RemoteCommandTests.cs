using System.CommandLine;
using System.Text.RegularExpressions;
using McpIdentity.Server.Commands;
using McpIdentity.Tests.Administration;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Command = System.CommandLine.Command;

namespace McpIdentity.Tests.Commands;

/// <summary>Verbs at a server elsewhere say and do what they do on its machine: docs/cli.md, "From another machine".</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.Self)]
internal sealed partial class RemoteCommandTests
{
    // With what an operation works on in braces, made anew for either way; and what of the answer differs, for a reason that is not the way.
    private static readonly (string Verb, string? Differs)[] Table =
    [
        ("clients list", null), ("clients list -o json", null), ("clients list --waiting", null), ("clients list --waiting -o json", null), ("clients show robot", null), ("clients show robot -o json", null), ("clients show {waiting} -o json", null),
        ("clients show nobody", null), ("clients show ..", null), ("clients create --kind service --client-id {new} --name Nightly -o json", Random), ("clients create --kind app --redirect-uri javascript:alert(1)", null), ("clients create --kind app --preset vscode --client-id robot", null),
        ("clients update {client} --name Other", null), ("clients update robot --name Other", null), ("clients rotate-secret {client}", Random), ("clients rotate-secret {client} --overlap-hours 1000", null), ("clients snippet {client} --for vscode", null),
        ("clients approve {waiting}", null), ("clients approve {client}", null), ("clients disable {client} --keep-tokens -o json", null), ("clients enable {client}", null), ("clients delete {client}", null), ("clients delete {client} --yes", null),
        ("clients tokens create {new} --expires 30d --uses 10 -o json", Random), ("clients tokens create {new} --expires soon", null), ("clients tokens list -o json", null), ("clients tokens revoke {token}", null), ("clients tokens revoke nothing", null),
        ("users list", null), ("users list -o json", null), ("users disable {user}", null), ("users disable nobody@example.com", null), ("users enable {user} -o json", null), ("users remove {user}", null), ("users remove {user} --yes", null),
        ("sessions list", null), ("sessions list --user emil@example.com -o json", null), ("sessions list --user nobody@example.com", null), ("sessions revoke {session}", null), ("sessions revoke nothing", null), ("sessions revoke-all {user} -o json", null),
        ("grants list", null), ("grants list -o json --user emil@example.com", null), ("grants revoke {grant}", null), ("grants revoke nothing", null), ("grants revoke-all --user {user}", null), ("grants revoke-all --user {user} --yes -o json", null), ("grants revoke-all --yes", null),
        ("keys list", null), ("keys list -o json", null), ("keys rotate --end-others", null), ("keys rotate -o json", "(?s).+"), // the second has the key of the first too
        ("servers list", null), ("servers list -o json", null), ("servers show {server}", Moments), ("servers show {server} -o json", Moments), ("servers show nothing", null), ("servers add {new} --url http://127.0.0.1:1/mcp --review Changed", null), ("servers add {server} --url http://127.0.0.1:1/mcp", null),
        ("servers add {server} --url http://127.0.0.1:1/mcp --replace -o json", null), ("servers add {new} --url nonsense", null), ("servers test {server}", null), ("servers test nothing", null), ("servers remove {server}", null), ("servers remove {server} --yes", null), ("servers remove nothing", null),
        ("tools list", null), ("tools list {server} -o json", null), ("tools list nothing", null), ("tools review {server}", null), ("tools review {server} -o json", null), ("tools allow {server} --all", null), ("tools allow {server} delete_note --version 0000", null), ("tools block {server} delete_note -o json", null), ("tools block {server}", null),
        ("policy show", null), ("policy show -o json", null), ("policy show --version {version}", null), ("policy show --version 4711", null), ("policy versions -o json", null), ("policy check", null), ("policy check --file {policy} -o json", null), ("policy check --file {broken}", null), ("policy apply {policy} --note why", @"\d+"),
        ("policy apply {broken}", null), ("policy rollback {version}", @"\d+"), ("policy rollback 4711", null), ("policy diff --file {policy} --user emil@example.com -o json", null), ("policy diff --file {policy}", null), ("policy test --user emil@example.com --server notes --tool create_issue", null), ("policy test --client robot --server notes --tool x -o json --file {policy}", null),
        ("connections list", null), ("connections list -o json", null), ("connections remove {connection}", null), ("connections remove nobody notes", null), ("connections forget-client {server}", null), ("connections forget-client nothing", null),
        ("audit list --last 3", null), ("audit list --last 300 -o json", null), ("audit tail -n 3", ".+"), ("audit search --since 2h --event client_created -o json", null), ("audit search --user nobody", null), ("audit search --since yesterday", null), ("audit search --result odd", null),
        ("audit export --event client_created --format csv --to {file}", null), ("audit export --to {policy}", null), ("audit verify -o json", "\"(entries|to|head)\": .*"), ("audit verify --expect nonsense", null),
        ("trace emil@example.com", null), ("trace emil@example.com --all -o json", null), ("trace nobody@example.com", null), ("trace", null),
        ("doctor --check database -o json", @"[\d,]+ MB"), ("doctor --check keys", null), ("doctor --check nothing", null), ("doctor --check database --markdown", @"[\d,]+ MB"),
        ("token inspect {jwt}", null), ("token inspect {refresh}", null), ("token inspect nonsense", null), ("token mint --sub alice --ttl 5m", Random), ("token mint --ttl forever", null), ("token mint --audience {api}", null),
    ];

    private const string Random = @"[A-Za-z0-9_.-]{30,}";
    private const string Moments = @"\d{4}-\d\d-\d\d[T ][\d:.]+Z";

    private readonly TemporaryFolder _folder = new();
    private AdminScene _scene = null!;

    private static IEnumerable<TestCaseData> Cases => Table.Select(one => new TestCaseData(one.Verb, one.Differs).SetArgDisplayNames(one.Verb));

    private static IReadOnlyList<(string Path, Command Verb)> Verbs => [.. CommandTreeTests.Below(CommandLine.Root, "")];

    private string[] Elsewhere => ["--at", _scene.Server.BaseUrl, "--token-file", _folder.File("token")];

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _scene = await AdminScene.StartAsync();
        await File.WriteAllTextAsync(_folder.File("token"), (await _scene.ServiceAsync()).Token + "\n");
        await File.WriteAllTextAsync(_folder.File("policy"), """{ "Rules": [ { "Users": [ "emil@example.com" ], "Servers": [ "notes" ], "Effect": "allow" } ] }""" + "\n");
        await File.WriteAllTextAsync(_folder.File("broken"), """{ "Rules": [ """);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _scene.DisposeAsync();
        _folder.Dispose();
    }

    [TestCaseSource(nameof(Cases))]
    public async Task A_verb_answers_from_elsewhere_what_it_answers_on_the_machine(string verb, string? differs)
    {
        var here = await RunAsync(verb, _scene.Server.Settings);
        var elsewhere = await RunAsync(verb, Elsewhere);

        Assert.That(Leave(elsewhere.Output), Is.EqualTo(Leave(here.Output)));
        Assert.That(elsewhere.ExitCode, Is.EqualTo(here.ExitCode));

        string Leave(string output) => differs is null ? output : Regex.Replace(output, differs, "…");
    }

    [Test]
    public void Every_verb_is_tried_elsewhere_or_refuses_to() =>
        Assert.That(Verbs.Where(verb => verb.Verb.Options.Contains(RemoteOptions.TokenFile)).Select(verb => verb.Path).Where(path => !Table.Any(one => one.Verb == path || one.Verb.StartsWith(path + " ", StringComparison.Ordinal))), Is.Empty);

    [Test]
    public async Task A_verb_of_this_machine_does_nothing_elsewhere()
    {
        var local = Verbs.Where(verb => !verb.Verb.Options.Contains(RemoteOptions.TokenFile)).ToList();
        Assert.That(local.Select(verb => verb.Path), Is.SupersetOf((string[])["serve", "migrate", "backup", "prune", "keygen", "config show", "restored", "admin grant", "admin setup-link"]));
        foreach (var (path, verb) in local)
        {
            Assert.That(await EntryPoint.Main([.. path.Split(' '), .. verb.Arguments.Select(_ => "bash"), .. verb.Options.Where(option => option.Required).SelectMany(option => new[] { option.Name, "x" }), "--server", "https://id.example.org"]), Is.EqualTo(ExitCode.Usage), path);
        }

        foreach (var verb in (string[])["audit verify --accept", "token mint --i-know", "doctor --url https://id.example.org", "doctor --offline"])
        {
            Assert.That((await RunAsync(verb, Elsewhere)).ExitCode, Is.EqualTo(ExitCode.Usage), verb);
        }
    }

    [Test]
    public async Task Settings_and_a_database_of_this_machine_are_not_looked_at()
    {
        var (exitCode, output) = await RunAsync("clients list", ["--server", _scene.Server.BaseUrl, "--token-file", _folder.File("token"), "--Database:ConnectionString=nonsense", "--OAuth:Prot=1"]);
        Assert.That((exitCode, output.Contains("robot", StringComparison.Ordinal)), Is.EqualTo((0, true)), output);
    }

    [Test]
    public async Task An_export_is_the_same_and_in_a_file_of_its_owner()
    {
        await RunAsync("clients create --kind service --client-id {new}", Elsewhere);
        foreach (var format in (string[])["ndjson", "csv", "ocsf"])
        {
            var (here, elsewhere) = (_folder.File(AdminSeeds.Next()), _folder.File(AdminSeeds.Next()));
            Assert.That((await RunAsync($"audit export --event client_created --format {format} --to {here}", _scene.Server.Settings)).ExitCode, Is.Zero);
            Assert.That((await RunAsync($"audit export --event client_created --format {format} --to {elsewhere}", Elsewhere)).ExitCode, Is.Zero);
            Assert.That(await File.ReadAllTextAsync(elsewhere), Is.EqualTo(await File.ReadAllTextAsync(here)).And.Contain("client_created").Or.Contain("Account Change"), format);
            Assert.That(File.GetUnixFileMode(elsewhere), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        }

        var none = _folder.File(AdminSeeds.Next());
        await File.WriteAllTextAsync(_folder.File("invented"), "invented");
        Assert.That((await RunAsync($"audit export --to {none}", ["--server", _scene.Server.BaseUrl, "--token-file", _folder.File("invented")])).ExitCode, Is.EqualTo(ExitCode.Failed));
        Assert.That(File.Exists(none), Is.False);
    }

    // RFC 3986 §2.4. Both are clients that are known by a document (CIMD), and of different ids.
    [Test]
    public async Task A_client_whose_id_has_an_encoded_slash_is_itself()
    {
        foreach (var (way, arguments) in new[] { ("here", _scene.Server.Settings), ("elsewhere", Elsewhere) })
        {
            var (one, other) = ($"https://app.example/{way}%2Fb", $"https://app.example/{way}/b");
            await AdminSeeds.StoreAsync(_scene, [.. new[] { one, other }.Select(id => new OpenIddict.EntityFrameworkCore.Models.OpenIddictEntityFrameworkCoreApplication
            {
                Id = AdminSeeds.Next(), ClientId = id, ClientType = "public", ConsentType = "explicit", ConcurrencyToken = "1", Permissions = "[]", RedirectUris = """["https://app.example/callback"]""",
            })]);

            var (exitCode, output) = await RunAsync($"clients disable {one}", arguments);

            Assert.That((exitCode, output.Trim()), Is.EqualTo((0, $"disabled: {one}")));
            Assert.That((await RunAsync($"clients show {one} -o json", arguments)).Output, Does.Not.Contain("\"disabled\": null"));
            Assert.That((await RunAsync($"clients show {other} -o json", arguments)).Output, Does.Contain("\"disabled\": null"));
        }
    }

    // One of each server that ever wrote.
    [Test]
    public async Task Many_heads_that_were_noted_are_looked_for()
    {
        var verb = "audit verify" + string.Concat(Enumerable.Range(1, 20).Select(node => $" --expect node-{node}:48211:{new string('a', 64)}"));
        foreach (var arguments in new[] { _scene.Server.Settings, Elsewhere })
        {
            var (exitCode, output) = await RunAsync(verb, arguments);
            Assert.That((exitCode, output.Contains("node-20", StringComparison.Ordinal)), Is.EqualTo((ExitCode.Failed, true)), output);
        }
    }

    [Test]
    public async Task A_rotation_elsewhere_adds_the_key_that_comes_next()
    {
        var before = await KeysAsync("keys list -o json");
        var after = await KeysAsync("keys rotate -o json");

        Assert.That(after, Is.SupersetOf(before).And.Length.EqualTo(before.Length + 1));

        async Task<string[]> KeysAsync(string verb) =>
            [.. System.Text.Json.JsonDocument.Parse((await RunAsync(verb, Elsewhere)).Output).RootElement.EnumerateArray().Select(key => key.Text("kid")!)];
    }

    [Test]
    public async Task A_role_counts_as_it_does_in_the_API()
    {
        await File.WriteAllTextAsync(_folder.File("helpdesk"), (await _scene.ClientAsync("hugo")).Token);
        await File.WriteAllTextAsync(_folder.File("reader"), (await _scene.ClientAsync("anna", "admin:read")).Token);
        await File.WriteAllTextAsync(_folder.File("invented"), "invented");

        Assert.That((await RunAsync("clients list", ["--server", _scene.Server.BaseUrl, "--token-file", _folder.File("helpdesk")])).ExitCode, Is.Zero);
        Assert.That(await ProblemOfAsync("helpdesk", access => access.ListAsync<object>("list_servers")), Does.Contain("You have no role at this server that may do this"));
        Assert.That(await ProblemOfAsync("reader", access => access.CallAsync<object>("enable_user", ("user_id", "x"))), Does.Contain("This needs the scope admin:write"));
        Assert.That(await ProblemOfAsync("invented", access => access.ListAsync<object>("list_clients")), Does.Contain($"{_scene.Server.BaseUrl} refuses the token. The access token is not valid"));
        foreach (var (file, verb) in new[] { ("helpdesk", "servers list"), ("reader", "users enable {user}"), ("invented", "clients list") })
        {
            var (exitCode, output) = await RunAsync(verb, ["--server", _scene.Server.BaseUrl, "--token-file", _folder.File(file)]);
            Assert.That((exitCode, output), Is.EqualTo((ExitCode.Failed, "")), verb);
        }
    }

    // RFC 6749 §4.4, with RFC 9728 and RFC 8414 to find where.
    [Test]
    public async Task A_client_gets_its_own_tokens_each_with_the_scope_that_is_needed()
    {
        using var server = new RemoteServer(new Uri(_scene.Server.BaseUrl), CancellationToken.None);
        var robot = new RemoteTokens(server, new RemoteCredentials(ClientId: "robot", ClientSecret: AdminScene.ServiceSecret));

        var token = await robot.ForAsync("admin:read");

        Assert.That(new Microsoft.IdentityModel.JsonWebTokens.JsonWebToken(token).GetClaim("scope").Value, Is.EqualTo("admin:read"));
        Assert.That(await robot.ForAsync("admin:read"), Is.EqualTo(token), "once");
        var (list, problem) = await new RemoteAccess(server, robot).ListAsync<McpIdentity.Server.Administration.ClientView>("list_clients");
        Assert.That(list, Is.Not.Empty, problem?.Detail);

        var wrong = await Assert.ThrowsAsync<VerbFailure>(() => new RemoteTokens(server, new RemoteCredentials(ClientId: "robot", ClientSecret: "hunter22")).ForAsync("admin:read"));
        Assert.That(wrong!.ExitCode, Is.EqualTo(ExitCode.Failed));
        Assert.That(wrong.Message, Does.Contain("gives the client robot no token").And.Contain("MCPIDENTITY_CLIENT_ID").And.Not.Contain("hunter22"));
        var other = await OAuthClient.RegisterServiceAsync(_scene.Server);
        var without = await Assert.ThrowsAsync<VerbFailure>(() => new RemoteTokens(server, new RemoteCredentials(ClientId: other.ClientId, ClientSecret: other.Secret)).ForAsync("admin:read"));
        Assert.That(without!.Message, Does.Contain("AdminScopes"));
    }

    [Test]
    [Category("Slow")]
    public async Task The_environment_says_where_and_with_what()
    {
        var block = ShellBlock.In(Path.Combine("docs", "cli.md")).Single(block => block.RunBy == nameof(RemoteCommandTests));
        await File.WriteAllTextAsync(_folder.File("robot.secret"), AdminScene.ServiceSecret + "\n");
        var export = block.Commands.First(command => command.StartsWith("export ", StringComparison.Ordinal));
        var environment = export.Split(' ')[1..].Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => (string?)pair[1].Replace("https://id.example.org", _scene.Server.BaseUrl, StringComparison.Ordinal));
        foreach (var command in block.Commands.Where(command => command != export))
        {
            var words = Words().Matches(command.Split(".dll ")[1]).Select(match => match.Value.Trim('"'));
            var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Environment = environment, Arguments = [.. words], EnvironmentName = "Production", Folder = _folder.Path });
            Assert.That((exitCode, output.Contains(AdminScene.ServiceSecret, StringComparison.Ordinal)), Is.EqualTo((0, false)), output);
        }

        Assert.That(File.Exists(_folder.File("report.secret")));
        // .NET has no exception for this machine.
        environment["HTTP_PROXY"] = "http://127.0.0.1:1";
        Assert.That((await ServerProcess.RunAsync(new ServerStart { Environment = environment, Arguments = ["clients", "list"], Folder = _folder.Path })).ExitCode, Is.Zero);

        // Its secret is no other server's; and what is for this machine alone does not ask where.
        var (other, why) = await ServerProcess.RunAsync(new ServerStart { Environment = environment, Arguments = ["clients", "list", "--server", "https://staging.example.org"], Folder = _folder.Path });
        Assert.That((other, why.Contains("For https://staging.example.org name a --token-file", StringComparison.Ordinal)), Is.EqualTo((ExitCode.Usage, true)), why);
        var (_, settings) = await ServerProcess.RunAsync(new ServerStart { Environment = environment, Arguments = ["doctor", "--offline", "-o", "json"], Folder = _folder.Path });
        Assert.That(settings, Does.Contain("config.valid"));

        environment["MCPIDENTITY_TOKEN"] = AdminScene.ServiceSecret; // which is none, and is not repeated
        var (refused, said) = await ServerProcess.RunAsync(new ServerStart { Environment = environment, Arguments = ["clients", "list"], Folder = _folder.Path });
        Assert.That((refused, said.Trim()), Is.EqualTo((ExitCode.Failed, $"{_scene.Server.BaseUrl} refuses the token. The access token is not valid, has expired, or was revoked: get a new one.")));
    }

    [TestCase("http://id.example.org", ExitCode.Usage, "everybody on the way to id.example.org could read the token"), TestCase("https://id.example.org/admin", ExitCode.Usage, "by its address alone"), TestCase("ftp://id.example.org", ExitCode.Usage, "by its address alone")]
    [TestCase("nonsense", ExitCode.Usage, "by its address alone"), TestCase("https://me:hunter22@id.example.org", ExitCode.Usage, "by its address alone"), TestCase("http://127.0.0.1:1", ExitCode.Unavailable, "http://127.0.0.1:1 cannot be reached")]
    [TestCase("{google}", ExitCode.Failed, "has no admin API (404): it is no McpIdentity"), TestCase("{other name}", ExitCode.Failed, "is called http://localhost")]
    public async Task An_address_that_is_not_the_servers_is_named(string address, int exitCode, string words)
    {
        address = address.Replace("{google}", _scene.Google.Origin, StringComparison.Ordinal).Replace("{other name}", _scene.Server.BaseUrl.Replace("localhost", "127.0.0.1", StringComparison.Ordinal), StringComparison.Ordinal);

        var failure = await FailureOfAsync(address);

        Assert.That(failure.ExitCode, Is.EqualTo(exitCode), failure.Message);
        Assert.That(failure.Message, Does.Contain(words).And.Not.Contain("\n"));
    }

    [Test]
    public async Task A_token_is_asked_for_and_what_is_none_is_not_repeated()
    {
        await File.WriteAllTextAsync(_folder.File("none"), "two words\n");
        foreach (var (arguments, words) in new (string[], string)[] { (["--server", "https://id.example.org"], "MCPIDENTITY_TOKEN"), (["--server", "https://id.example.org", "--token-file", _folder.File("none")], "there is something else in it"), (["--token-file", "x"], "name it by --server") })
        {
            var failure = await Assert.ThrowsAsync<VerbFailure>(() => InvokeAsync("clients list", arguments));
            Assert.That(failure!.ExitCode, Is.EqualTo(ExitCode.Usage));
            Assert.That(failure.Message, Does.Contain(words).And.Not.Contain("two words"));
        }
    }

    [Test]
    public async Task A_certificate_that_nobody_here_trusts_is_no_connection()
    {
        using var certificate = new TlsCertificate();
        await using var host = await DocumentHost.StartAsync(System.Security.Cryptography.X509Certificates.X509Certificate2.CreateFromPemFile(certificate.CertificateFile, certificate.KeyFile));

        var failure = await FailureOfAsync(host.Origin);

        Assert.That(failure.ExitCode, Is.EqualTo(ExitCode.Failed));
        Assert.That(failure.Message, Does.Contain("no secure connection").And.Contain("SSL_CERT_FILE"));
        Assert.That(host.TimesAsked("/.well-known/oauth-protected-resource/api/admin/v1"), Is.Zero);
    }

    [GeneratedRegex("\"[^\"]*\"|\\S+")]
    private static partial Regex Words();

    [GeneratedRegex(@"\{(\w+)\}")]
    private static partial Regex Seeds();

    private async Task<string> ProblemOfAsync<T>(string file, Func<AdminAccess, Task<McpIdentity.Server.Administration.Outcome<T>>> call)
    {
        using var server = new RemoteServer(new Uri(_scene.Server.BaseUrl), CancellationToken.None);
        var token = await File.ReadAllTextAsync(_folder.File(file));
        return (await call(new RemoteAccess(server, new RemoteTokens(server, new RemoteCredentials(token))))).Problem!.Detail;
    }

    private async Task<VerbFailure> FailureOfAsync(string address) => (await Assert.ThrowsAsync<VerbFailure>(() => InvokeAsync("clients list", ["--server", address, "--token-file", _folder.File("token")])))!;

    private static Task<int> InvokeAsync(string verb, string[] arguments) =>
        CommandLine.Root.Parse([.. verb.Split(' '), .. arguments]).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });

    // What was made for it reads as its name.
    private async Task<(int ExitCode, string Output)> RunAsync(string verb, string[] arguments)
    {
        var made = new List<(string Name, string Value)>();
        foreach (var name in Seeds().Matches(verb).Select(match => match.Groups[1].Value).Distinct())
        {
            made.Add((name, await MakeAsync(name)));
        }

        var words = verb.Split(' ').Select(word => made.Aggregate(word, (all, one) => all.Replace($"{{{one.Name}}}", one.Value, StringComparison.Ordinal))).SelectMany(word => word.Split(' '));
        var (exitCode, output) = await Support.Verbs.RunAsync([.. words, .. arguments]);
        return (exitCode, made.SelectMany(one => one.Value.Split(' ').Select(word => (one.Name, Value: word))).Aggregate(output, (all, one) => all.Replace(one.Value, $"{{{one.Name}}}", StringComparison.Ordinal)));
    }

    private async Task<string> MakeAsync(string name) => name switch
    {
        "client" => await AdminSeeds.ClientAsync(_scene, isWaiting: false),
        "waiting" => await AdminSeeds.ClientAsync(_scene, isWaiting: true),
        "user" => await AdminSeeds.UserAsync(_scene),
        "session" => await ClaimAsync("sid"),
        "grant" => await ClaimAsync("oi_au_id"),
        "jwt" => _jwt ??= (await AdminSeeds.AccessTokenAsync(_scene)).EncodedToken,
        "refresh" => _refresh ??= await RefreshTokenAsync(),
        "server" => await AdminSeeds.ServerAsync(_scene, AdminSeeds.Next()),
        "token" => await AdminSeeds.InitialAccessTokenAsync(_scene),
        "version" => await AdminSeeds.PolicyVersionAsync(_scene),
        "connection" => await ConnectionAsync(),
        "new" => AdminSeeds.Next(),
        "file" => _folder.File(AdminSeeds.Next()),
        "api" => _scene.Resource,
        _ => _folder.File(name),
    };

    private string? _jwt;
    private string? _refresh;

    // One that begins with a dash is an option to a command line, unless -- stands before it.
    private async Task<string> ClaimAsync(string name)
    {
        string value;
        do
        {
            value = (await AdminSeeds.AccessTokenAsync(_scene)).GetClaim(name).Value;
        }
        while (value[0] == '-');

        return value;
    }

    private async Task<string> RefreshTokenAsync()
    {
        using var emil = _scene.Person("emil");
        return (await (await OAuthClient.RegisterPublicAsync(_scene.Server)).ConnectAsync(emil)).Text("refresh_token")!;
    }

    private async Task<string> ConnectionAsync()
    {
        var path = await AdminSeeds.ConnectionAsync(_scene);
        return $"{path.UserId} {path.Server}";
    }
}
