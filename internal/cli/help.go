package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usesSettings marks commands that resolve a profile: their help lists the
// settings of the providers.
const usesSettings = "uses-settings"

// Section is one part of a command's help.
type Section struct{ Title, Body string }

// Sections are the parts of a command's help after its description, in order. The
// command reference is made of the same.
func Sections(cmd *cobra.Command) []Section {
	all := []Section{
		{"Usage", usageLines(cmd)},
		{"Examples", cmd.Example},
		{"Commands", commandLines(cmd)},
		{"Flags", flagLines(cmd, "")},
	}
	if cmd.Annotations[usesSettings] != "" {
		all = append(all, Section{"Settings of the provider", flagLines(cmd, groupSettings)})
	}
	all = append(all, Section{"Global flags", flagLines(cmd, groupGlobal)})
	if !cmd.HasParent() {
		all = append(all, Section{"Exit status", exitLines})
	}
	kept := all[:0]
	for _, s := range all {
		if s.Body = strings.TrimRight(s.Body, "\n"); s.Body != "" {
			kept = append(kept, s)
		}
	}
	return kept
}

// exitLines are docs/exit-codes.md in short.
const exitLines = `  0    done
  1    internal: a defect of awf-cred
  2    usage: flags, environment or config file
  3    identity: no usable identity token
  4    refused: the provider said no, and another try will not help
  5    unavailable: network, timeout or server trouble; another try can help
  6    storage: what was asked for could not be stored or delivered
  7    proxy: serve could not listen, or cut a stream
  125  exec failed before its command started; 126 it is not executable, 127 not found
  128+ ended by a signal
`

// Description is what a command's help begins with.
func Description(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return strings.TrimSpace(cmd.Long)
	}
	return cmd.Short
}

// helpText is the help of a command. Cobra's own needs text/template.
func helpText(cmd *cobra.Command) string {
	var b strings.Builder
	b.WriteString(Description(cmd) + "\n")
	for _, s := range Sections(cmd) {
		b.WriteString("\n" + s.Title + ":\n" + s.Body + "\n")
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\nMore about a command: " + cmd.CommandPath() + " [command] --help\n")
	}
	return b.String()
}

func usageLines(cmd *cobra.Command) string {
	if !cmd.HasAvailableSubCommands() {
		return "  " + cmd.UseLine()
	}
	return "  " + cmd.CommandPath() + " [command] [flags]"
}

func commandLines(cmd *cobra.Command) string {
	var b strings.Builder
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() || sub.Name() == "help" {
			b.WriteString("  " + sub.Name() + strings.Repeat(" ", max(1, 12-len(sub.Name()))) + sub.Short + "\n")
		}
	}
	return b.String()
}

// flagLines are the flags of one group, those without one for an empty name.
func flagLines(cmd *cobra.Command, group string) string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, fs := range []*pflag.FlagSet{cmd.Flags(), cmd.InheritedFlags()} {
		fs.VisitAll(func(f *pflag.Flag) {
			if groupOf(f) == group && !f.Hidden && !seen[f.Name] {
				seen[f.Name] = true
				b.WriteString(flagLine(f))
			}
		})
	}
	return b.String()
}

// The columns of a flag's description.
const (
	helpColumn = 26
	helpWidth  = 88
)

func flagLine(f *pflag.Flag) string {
	name, help := pflag.UnquoteUsage(f)
	help = strings.TrimPrefix(help, name+": ")
	left := "  --" + f.Name
	if name != "" && f.Value.Type() != "bool" {
		left += " " + name
	}
	if d := f.DefValue; d != "" && d != "false" && d != "[]" && d != "0" && d != "0s" {
		help += " (default " + d + ")"
	}
	var b strings.Builder
	b.WriteString(left)
	column := len(left)
	if column > helpColumn-2 {
		b.WriteByte('\n')
		column = 0
	}
	for _, word := range strings.Fields(help) {
		switch {
		case column > helpColumn && column+1+len(word) > helpWidth:
			b.WriteByte('\n')
			column = 0
			fallthrough
		case column < helpColumn:
			b.WriteString(strings.Repeat(" ", helpColumn-column) + word)
			column = helpColumn + len(word)
		default:
			b.WriteString(" " + word)
			column += 1 + len(word)
		}
	}
	b.WriteByte('\n')
	return b.String()
}

func groupOf(f *pflag.Flag) string {
	if group := f.Annotations[groupKey]; len(group) > 0 {
		return group[0]
	}
	return ""
}
