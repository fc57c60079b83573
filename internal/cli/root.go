package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Command is the command line without a run of it: for the generated reference.
func Command(goos string) *cobra.Command { return newRootCmd(newApp(System{GOOS: goos}), nil) }

// commands is the list of commands, in the order of docs/cli.
var commands = []struct {
	name string
	make func(*app) *cobra.Command
}{
	{"token", newTokenCmd},
	{"env", newEnvCmd},
	{"exec", newExecCmd},
	{"serve", newServeCmd},
	{"mint", newMintCmd},
	{"exchange", newExchangeCmd},
	{"status", newStatusCmd},
	{"cache", newCacheCmd},
	{"config", newConfigCmd},
	{"completion", newCompletionCmd},
	{"version", newVersionCmd},
}

// addCommands makes the commands; of a line that begins with the name of one, that
// one alone: a look at the cache should not have to make a dozen others.
func addCommands(a *app, root *cobra.Command, args []string) {
	for _, c := range commands {
		if len(args) > 0 && args[0] == c.name {
			root.AddCommand(c.make(a))
			return
		}
	}
	for _, c := range commands {
		root.AddCommand(c.make(a))
	}
}

// withSettings reports whether a line can have to do with the flags of settings:
// there are sixty of them, and the commonest lines are a command's name alone.
func withSettings(args []string) bool {
	if slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "-") }) {
		return true
	}
	for _, c := range commands {
		if len(args) > 0 && args[0] == c.name {
			return false
		}
	}
	return true // help, completion, a mistake
}

// newRootCmd is the command line for args, all of it for nil.
func newRootCmd(a *app, args []string) *cobra.Command {
	root := &cobra.Command{
		Use:   "awf-cred",
		Short: "Keyless credentials for AI APIs",
		Long: `awf-cred exchanges the identity token of a workload (GitHub Actions, a file, a
variable, a command) for a short-lived credential of an AI provider, keeps it
until it expires, and shares it between all processes of a job.`,
		Example: `  # the token alone, for a script
  awf-cred token

  # the variables that the provider's SDK reads, for a shell
  out=$(awf-cred env) && eval "$out"`,
		Args:              noArguments,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.RunE = a.action(func(context.Context, []string) error { return root.Help() })
	root.SetIn(a.sys.In)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { a.helpFailed = a.out.send("the help", []byte(helpText(cmd))) })
	root.SetUsageFunc(func(*cobra.Command) error { return nil })
	globalFlags(a, root.PersistentFlags(), withSettings(args))

	addCommands(a, root, args)
	root.SetHelpCommand(newHelpCmd(a, root))
	return root
}

// newHelpCmd is `help [command]`.
func newHelpCmd(a *app, root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			var names []cobra.Completion
			if cmd, rest, err := root.Find(args); err == nil && len(rest) == 0 {
				for _, sub := range cmd.Commands() {
					if sub.IsAvailableCommand() {
						names = append(names, sub.Name()+"\t"+sub.Short)
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: a.action(func(_ context.Context, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return noArguments(cmd, rest)
			}
			return cmd.Help()
		}),
	}
}
