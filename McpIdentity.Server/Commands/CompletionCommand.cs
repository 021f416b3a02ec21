using System.CommandLine;

namespace McpIdentity.Server.Commands;

/// <summary><c>completion</c>: a script for a shell, which asks this program what may follow (System.CommandLine's <c>[suggest]</c>).</summary>
internal static class CompletionCommand
{
    private static readonly Argument<string> Shell = MakeShell();
    private static readonly Option<string> Name = new("--name") { Description = "What you call this program by, as an alias or a link.", DefaultValueFactory = _ => "mcpidentity" };

    public static Command Create()
    {
        var verb = CommandLine.Verb("completion", "Prints a script that completes verbs and options in your shell.", "completion bash > /etc/bash_completion.d/mcpidentity", (parsed, _, _) =>
        {
            Console.Write(ScriptOf(parsed.GetRequiredValue(Shell)).Replace("NAME", parsed.GetRequiredValue(Name), StringComparison.Ordinal).Replace("PROGRAM", Program(), StringComparison.Ordinal).ReplaceLineEndings("\n"));
            return Task.FromResult(ExitCode.Ok);
        }).With(Name);
        verb.Arguments.Add(Shell);
        return verb;
    }

    // Without the program's own name, which is the shell's to know.
    private static string ScriptOf(string shell) => shell switch
    {
        "bash" => """
            # bash completion: source it, or put it into /etc/bash_completion.d
            _NAME() {
                local line="${COMP_LINE:0:COMP_POINT}" IFS=$'\n'
                line="${line#* }"
                COMPREPLY=($(compgen -W "$(PROGRAM "[suggest:${#line}]" "$line" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
            }
            complete -o default -F _NAME NAME

            """,
        "zsh" => """
            #compdef NAME
            # zsh completion: put it as _NAME into a folder of $fpath
            _NAME() {
                local line="${LBUFFER#* }"
                local -a found=("${(@f)$(PROGRAM "[suggest:${#line}]" "$line" 2>/dev/null)}")
                compadd -a found
            }
            compdef _NAME NAME

            """,
        _ => """
            # fish completion: put it into ~/.config/fish/completions/NAME.fish
            function __NAME
                set -l line (string replace -r '^\S+ ?' '' -- (commandline -cp))
                PROGRAM "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null
            end
            complete -c NAME -f -a '(__NAME)'

            """,
    };

    private static Argument<string> MakeShell()
    {
        var shell = new Argument<string>("shell") { Description = "bash, zsh or fish." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        return shell;
    }

    // The program itself, or the runtime with its assembly.
    private static string Program()
    {
        var process = Environment.ProcessPath ?? "dotnet";
        return Path.GetFileNameWithoutExtension(process) == "dotnet" ? $"'{process}' '{typeof(CompletionCommand).Assembly.Location}'" : $"'{process}'";
    }
}
