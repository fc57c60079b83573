package cli

import (
	"bytes"
	"context"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/internal/provider"
)

// shells are those that completion scripts exist for.
var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletionCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "completion shell",
		Short: "Print a completion script for a shell",
		Long: `Print a script by which a shell completes commands, flags and the values of
flags: profiles, formats, shells, providers. The shell is bash, zsh, fish or
powershell. bash needs its package bash-completion; zsh looks for a file of this
name in the folders of its fpath.`,
		Example: `  source <(awf-cred completion bash)
  awf-cred completion zsh > _awf-cred
  awf-cred completion fish > ~/.config/fish/completions/awf-cred.fish
  awf-cred completion powershell | Out-String | Invoke-Expression`,
		ValidArgs: shells,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			return usage(commandName(cmd), "the name of one shell is wanted", "choose one of: "+strings.Join(shells, ", "))
		},
		RunE: a.action(func(_ context.Context, args []string) error { return runCompletion(a, args[0]) }),
	}
}

func runCompletion(a *app, shell string) error {
	var b bytes.Buffer
	root := a.cmd.Root()
	generate := map[string]func() error{
		"bash":       func() error { return root.GenBashCompletionV2(&b, true) },
		"zsh":        func() error { return root.GenZshCompletion(&b) },
		"fish":       func() error { return root.GenFishCompletion(&b, true) },
		"powershell": func() error { return root.GenPowerShellCompletionWithDesc(&b) },
	}[shell]
	if generate == nil {
		return oneOfWords("shell", shell, shells)
	}
	if err := generate(); err != nil {
		return err
	}
	return a.out.send("the script", b.Bytes())
}

// isCompletion reports whether the shell asks for completions: the hidden
// commands of cobra's scripts.
func isCompletion(command string) bool {
	return command == cobra.ShellCompRequestCmd || command == cobra.ShellCompNoDescRequestCmd
}

// registerCompletions makes values completable. It is done only when the shell
// asks, not on the way of a token.
func registerCompletions(a *app, root *cobra.Command) {
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.ValidArgs == nil && cmd.ValidArgsFunction == nil && !takesCommand(cmd) {
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
		for name, words := range completions(a) {
			if cmd.LocalNonPersistentFlags().Lookup(name) != nil || cmd == root && cmd.PersistentFlags().Lookup(name) != nil {
				_ = cmd.RegisterFlagCompletionFunc(name, complete(words))
			}
		}
		plainFlags(cmd) // after the flags above: the first registration counts
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(root)
}

// takesCommand reports whether a command's arguments are a program and its own.
func takesCommand(cmd *cobra.Command) bool { return strings.Contains(cmd.Use, " -- ") }

// plainFlags words the descriptions of flags as the help does, and offers file names
// for those alone that take a path.
func plainFlags(cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		what, help := pflag.UnquoteUsage(f)
		f.Usage = strings.TrimPrefix(help, what+": ")
		if !strings.Contains(what+help, "path") && !strings.Contains(what, "file") {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions)
		}
	})
}

// completions are the words that each flag takes, with a description after a tab.
func completions(a *app) map[string]func(*cobra.Command) []string {
	fixed := func(words []string) func(*cobra.Command) []string {
		return func(*cobra.Command) []string { return words }
	}
	m := map[string]func(*cobra.Command) []string{
		"format":   formatWords,
		"shell":    fixed(shellWords()),
		"for":      fixed(provider.Consumers()),
		"provider": fixed(provider.Names()),
		"allow":    fixed([]string{"inference"}),
		"identity": fixed([]string{"github", "file:", "env:"}),
		"profile":  func(cmd *cobra.Command) []string { return a.profileWords(cmd) },
	}
	for _, f := range config.GlobalFields() {
		if len(f.Values) > 0 {
			m[f.Flag] = fixed(f.Values)
		}
	}
	return m
}

// complete offers words; where there are none the shell's file names are no help
// either.
func complete(words func(*cobra.Command) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		var out []string
		directive := cobra.ShellCompDirectiveNoFileComp
		for _, word := range words(cmd) {
			if strings.HasPrefix(word, begun) {
				out = append(out, word)
			}
		}
		if strings.HasPrefix(begun, "file:") || len(out) == 1 && strings.HasSuffix(out[0], ":") {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		return out, directive
	}
}

// formatWords are the formats of the command at hand.
func formatWords(cmd *cobra.Command) []string {
	switch cmd.Name() {
	case "token", "exchange":
		var words []string
		for _, f := range output.Formats {
			words = append(words, f.Name+"\t"+f.Help)
		}
		if cmd.Name() == "token" {
			words = append(words, output.GCPExecutableFormat+"\tfor Google's libraries")
		}
		return words
	case "mint":
		return []string{"token", "json"}
	default:
		return []string{"text", "json"}
	}
}

func shellWords() []string {
	var words []string
	for _, d := range output.Dialects {
		words = append(words, d.Name+"\t"+d.Help)
	}
	return words
}

// profileWords are the profiles of the config file that the command line names.
func (a *app) profileWords(cmd *cobra.Command) []string {
	a.cmd = cmd
	in, err := a.inputs()
	if err != nil {
		return nil
	}
	cfg, _ := config.Load(in)
	return cfg.ProfileNames()
}
