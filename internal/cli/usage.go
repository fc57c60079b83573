package cli

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/scrub"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// usage is a mistake on the command line: what is wrong and how it would be right.
func usage(what, why string, hints ...string) error {
	return &exchange.Error{Step: what, Cause: exchange.Usage, Description: why, Hint: strings.Join(hints, "\n")}
}

// commandLineError words an error of cobra or pflag, with the nearest name.
func commandLineError(cmd *cobra.Command, err error) error {
	help := "run: " + cmd.CommandPath() + " --help"
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	var own *exchange.Error
	switch {
	case errors.As(err, &unknown):
		return unknownFlag(cmd, unknown.GetSpecifiedName(), help)
	case errors.As(err, &missing):
		return usage("flag --"+missing.GetSpecifiedName(), "its value is missing", help)
	case errors.As(err, &invalid):
		return invalidValue(invalid, help)
	case errors.As(err, &own):
		return err
	default:
		return usage(commandName(cmd), scrub.Text(err.Error()), help)
	}
}

// invalidValue says what the flag's type expects.
func invalidValue(e *pflag.InvalidValueError, help string) error {
	wants := map[string][2]string{
		"duration": {"is not a duration", "write it like 30s, 2m or 1h30m"},
		"int":      {"is not a whole number", "write it like 100"},
		"bool":     {"is neither true nor false", "leave the value out for true"},
		"size":     {"is not a number of bytes", "write it like 65536, 64KiB or 1MiB"},
	}
	what := "flag --" + e.GetFlag().Name
	if want, ok := wants[e.GetFlag().Value.Type()]; ok {
		return usage(what, strconv.Quote(scrub.Text(e.GetValue()))+" "+want[0], want[1])
	}
	return usage(what, "its value is not valid", help)
}

// commandName names a command in a message that begins with the program's name.
func commandName(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return "command line"
	}
	return "command " + strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

func unknownFlag(cmd *cobra.Command, name, help string) error {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	hints := []string{help}
	if near := config.Nearest(name, names); near != "" {
		hints = append([]string{"did you mean --" + near + "?"}, hints...)
	}
	dashes := "--"
	if len(name) == 1 {
		dashes = "-"
	}
	return usage("flag "+dashes+scrub.Text(name), "is not known", hints...)
}

// oneOf is the error of a flag's word that is not in a list.
func oneOf(flag, value string, words []string) error {
	return oneOfWords("flag --"+flag, value, words)
}

func oneOfWords(what, value string, words []string) error {
	hints := []string{"choose one of: " + strings.Join(words, ", ")}
	if near := config.Nearest(value, words); near != "" {
		hints = append([]string{"did you mean " + near + "?"}, hints...)
	}
	return usage(what, scrub.Text(value)+" is not known", hints...)
}

// noArguments refuses arguments; for a command with subcommands they are the name
// of one that does not exist.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	help := "run: " + cmd.CommandPath() + " --help"
	if !cmd.HasSubCommands() {
		return usage(commandName(cmd), "takes no argument, but got "+scrub.Text(args[0]), help)
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	hints := []string{help}
	if near := config.Nearest(args[0], names); near != "" {
		hints = append([]string{"did you mean " + cmd.CommandPath() + " " + near + "?"}, hints...)
	}
	return usage("command "+scrub.Text(args[0]), "is not known to "+cmd.CommandPath(), hints...)
}
