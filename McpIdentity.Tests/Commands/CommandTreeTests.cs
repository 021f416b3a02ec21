using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using McpIdentity.Server.Commands;
using McpIdentity.Tests.Administration;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Commands;

/// <summary>What holds for every verb there is: docs/cli.md, "Conventions". A new verb keeps it or fails here.</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.All)]
internal sealed partial class CommandTreeTests
{
    private const string Update = "UPDATE_CLI=1 dotnet test McpIdentity.Tests --filter FullyQualifiedName~CommandTreeTests";

    // What prints for a person to read or for a file, and nothing of which a program would want members; or JSON anyway.
    private static readonly string[] WithoutJson = ["serve", "healthcheck", "keygen", "config template", "config validate", "completion", "audit tail", "audit export"];

    private static readonly Option[] Remote = [RemoteOptions.Server, RemoteOptions.At, RemoteOptions.TokenFile];

    private readonly TemporaryFolder _folder = new();
    private AdminScene _scene = null!;
    private TestServer _server = null!;

    private static IReadOnlyList<(string Path, Command Verb)> Verbs => [.. Below(CommandLine.Root, "")];

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _scene = await AdminScene.StartAsync();
        _server = _scene.Server;
        await File.WriteAllTextAsync(_folder.File("token"), (await _scene.ServiceAsync()).Token);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _scene.DisposeAsync();
        _folder.Dispose();
    }

    [Test]
    public void Each_verb_says_what_it_does_and_each_option_too()
    {
        Assert.That(Verbs.Where(verb => verb.Verb.Description?.Contains($". Example: {verb.Path}", StringComparison.Ordinal) != true).Select(verb => verb.Path), Is.Empty);
        Assert.That(Verbs.SelectMany(verb => verb.Verb.Options.Cast<Symbol>().Concat(verb.Verb.Arguments).Select(symbol => (verb.Path, symbol.Name, symbol.Description)))
            .Where(symbol => string.IsNullOrEmpty(symbol.Description)), Is.Empty);
        Assert.That(CommandLine.Root.Description, Does.Contain("5 the database, Redis or the server is away"));
    }

    [Test]
    public void Each_example_is_understood()
    {
        foreach (var (path, verb) in Verbs)
        {
            var example = ExampleOf(verb).Split(" > ")[0];
            var parsed = CommandLine.Root.Parse(example);
            Assert.That(parsed.Errors.Select(error => error.Message), Is.Empty, example);
            Assert.That(CommandLine.PathOf(parsed), Is.EqualTo(path), example);
            Assert.That(parsed.UnmatchedTokens.Where(token => token.StartsWith('-') && !token.Contains(':', StringComparison.Ordinal)), Is.Empty, example);
        }
    }

    [Test]
    public async Task Help_is_given_and_what_is_mistyped_is_refused_with_a_suggestion()
    {
        foreach (var (path, verb) in Verbs)
        {
            Assert.That(await EntryPoint.Main([.. path.Split(' '), "--help"]), Is.Zero, path);
            Assert.That(await EntryPoint.Main([.. path.Split(' '), .. verb.Arguments.Select(_ => "bash"), "--no-such-option"]), Is.EqualTo(ExitCode.Usage), path);
        }

        Assert.That(await EntryPoint.Main(["clinets", "list"]), Is.EqualTo(ExitCode.Usage));
        var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Arguments = ["prune", "--dryrun"] });
        Assert.That(exitCode, Is.EqualTo(ExitCode.Usage), output);
        Assert.That(output, Does.Contain("--dryrun is no option of prune").And.Contain("Did you mean --dry-run?").And.Contain("'prune --help'"));
    }

    [Test]
    public void What_prints_something_prints_it_for_programs_too() =>
        Assert.That(Verbs.Where(verb => !verb.Verb.Options.Contains(Table.Output)).Select(verb => verb.Path).Except(WithoutJson), Is.Empty, "-o json");

    [TestCase(ExitCode.NotFound, "users disable nobody@example.com"), TestCase(ExitCode.NotFound, "clients show nobody"), TestCase(ExitCode.NotFound, "grants list --user nobody@example.com")]
    [TestCase(ExitCode.NotFound, "sessions revoke nothing"), TestCase(ExitCode.NotFound, "grants revoke nothing"), TestCase(ExitCode.NotFound, "servers show nothing"), TestCase(ExitCode.NotFound, "clients tokens revoke nothing")]
    [TestCase(ExitCode.Usage, "users list -o xml"), TestCase(ExitCode.NotFound, "doctor --check nothing"), TestCase(ExitCode.Usage, "doctor --url nothing"), TestCase(ExitCode.Ok, "users list -o text")]
    [TestCase(ExitCode.Failed, "config validate --OAuth:Prot=1")]
    // As an unset variable of a script is; and as a setting would be written.
    [TestCase(ExitCode.Usage, "grants list --user ''"), TestCase(ExitCode.Usage, "connections list --user ''"), TestCase(ExitCode.Usage, "audit search --user ''"), TestCase(ExitCode.Usage, "tools list ''"), TestCase(ExitCode.Usage, "clients show ''")]
    [TestCase(ExitCode.Usage, "grants list --User=x"), TestCase(ExitCode.Usage, "users list --Server=https://id.example.org"), TestCase(ExitCode.Usage, "version --Token-File=x")]
    public async Task A_verb_ends_with_the_code_that_says_why(int expected, string verb) =>
        Assert.That((await Support.Verbs.RunAsync(_server, [.. verb.Split(' ').Select(word => word == "''" ? "" : word)])).ExitCode, Is.EqualTo(expected), verb);

    // With one person or one client, a verb would else be done to them.
    [Test]
    public async Task An_argument_that_is_empty_is_refused_by_every_verb()
    {
        foreach (var (path, verb) in Verbs.Where(verb => verb.Verb.Arguments.Count > 0))
        {
            Assert.That(await EntryPoint.Main([.. path.Split(' '), .. verb.Arguments.Select(_ => ""), .. verb.Options.Where(option => option.Required).SelectMany(option => new[] { option.Name, "x" })]), Is.EqualTo(ExitCode.Usage), path);
        }
    }

    [Test]
    public async Task Version_says_the_schema_and_quiet_says_nothing_else()
    {
        var (exitCode, output) = await Support.Verbs.RunAsync(_server, "version", "-o", "json");
        var version = JsonDocument.Parse(output).RootElement;
        Assert.That((exitCode, version.Text("schema")?.Length > 14, version.Text("runtime")?.StartsWith(".NET", StringComparison.Ordinal)), Is.EqualTo((0, true, true)), output);

        var (_, loud) = await ServerProcess.RunAsync(new ServerStart { Arguments = ["grants", "list", "--Database:ConnectionString=Data Source=quiet.db"] });
        var (_, quiet) = await ServerProcess.RunAsync(new ServerStart { Arguments = ["grants", "list", "--quiet", "--Database:ConnectionString=Data Source=quiet.db"] });
        Assert.That(loud, Does.Contain("There are none."));
        Assert.That(quiet, Does.Contain("grant").And.Not.Contain("There are none."));
    }

    [Test]
    public async Task Bash_completes_verbs_and_options()
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-completion-");
        try
        {
            var (exitCode, script) = await ServerProcess.RunAsync(new ServerStart { Arguments = ["completion", "bash"] });
            Assert.That(exitCode, Is.Zero, script);
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "completion"), script);
            Assert.That(await CompleteAsync("mcpidentity cl"), Does.Contain("clients"));
            Assert.That(await CompleteAsync("mcpidentity prune --d"), Does.Contain("--dry-run"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        // As bash does it when Tab is pressed.
        async Task<string[]> CompleteAsync(string line)
        {
            var words = line.Split(' ');
            await using var bash = ChildProcess.Start("bash", ["-c", $"""
                source {folder.FullName}/completion
                COMP_LINE='{line}' COMP_POINT={line.Length} COMP_WORDS=({line}) COMP_CWORD={words.Length - 1}
                _mcpidentity && printf '%s\n' "$COMPREPLY" "${"{COMPREPLY[@]}"}"
                """], folder.FullName);
            Assert.That(await bash.WaitForExitAsync(), Is.Zero, bash.Output);
            return bash.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
    }

    [Test]
    public async Task The_document_of_the_command_line_is_that_of_the_verbs()
    {
        const string Begin = "<!-- verbs -->";
        var path = Repository.PathOf("docs", "cli.md");
        var text = await File.ReadAllTextAsync(path);
        var from = text.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        var written = await DescribeAsync();
        if (Environment.GetEnvironmentVariable("UPDATE_CLI") is { Length: > 0 })
        {
            await File.WriteAllTextAsync(path, $"{text[..from]}\n{written}");
            return;
        }

        Assert.That(text[from..].Trim(), Is.EqualTo(written.Trim()), Update);
    }

    private async Task<string> DescribeAsync()
    {
        var text = new StringBuilder("\n### Exit codes\n\n| code | means |\n|---|---|\n");
        foreach (var (code, means) in ExitCode.All)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {code} | {means} |\n");
        }

        foreach (var (path, verb) in Verbs)
        {
            var words = verb.Description!.Split(" Example: ")[0];
            text.Append(CultureInfo.InvariantCulture, $"\n### {path}{string.Concat(verb.Arguments.Select(argument => $" <{argument.Name}>"))}\n\n{words} Example: `{ExampleOf(verb)}`\n");
            var rows = verb.Arguments.Select(argument => $"| `<{argument.Name}>` | {Cell(argument.Description)} |\n")
                .Concat(verb.Options.Where(option => option.Name != "--help" && !Remote.Contains(option)).Select(option => $"| `{string.Join("`, `", option.Aliases.Prepend(option.Name))}` | {Cell(option.Description)} |\n")).ToList();
            if (rows.Count > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $"\n| option | |\n|---|---|\n{string.Concat(rows)}");
            }

            if (verb.Options.Where(Remote.Contains).Select(option => option.Name).ToList() is { Count: > 0 } remote)
            {
                text.Append(CultureInfo.InvariantCulture, $"\n[From another machine](#from-another-machine): `{string.Join("`, `", remote)}`.\n");
            }

            if (path.EndsWith(" list", StringComparison.Ordinal) && await MembersAsync(path, verb) is { Length: > 0 } members)
            {
                text.Append(CultureInfo.InvariantCulture, $"\n`-o json`: an array of objects with `{string.Join("`, `", members)}`.\n");
            }
        }

        return text.ToString();
    }

    // As a verb prints them; over the admin API where it can, which is quicker than a program with a database for each.
    private async Task<string[]> MembersAsync(string path, Command verb)
    {
        var elsewhere = verb.Options.Contains(RemoteOptions.TokenFile) ? new[] { "--at", _server.BaseUrl, "--token-file", _folder.File("token") } : _server.Settings;
        var (exitCode, output) = await Support.Verbs.RunAsync([.. path.Split(' '), .. elsewhere]);
        Assert.That(exitCode, Is.Zero, output);
        return [.. Columns().Split(output.Split('\n')[0].TrimEnd()).Select(Table.MemberOf)];
    }

    private static string ExampleOf(Command verb) => verb.Description!.Split(" Example: ")[1];

    private static string Cell(string? text) => (text ?? "").Replace("|", "\\|", StringComparison.Ordinal);

    // One with verbs below it may do something itself: migrate, and migrate copy.
    public static IEnumerable<(string Path, Command Verb)> Below(Command command, string path) => command.Subcommands.SelectMany(child =>
        (child.Action is null ? [] : new[] { ($"{path}{child.Name}", child) }).Concat(Below(child, $"{path}{child.Name} ")));

    [GeneratedRegex(" {2,}")]
    private static partial Regex Columns();
}
