// Command gendocs writes the command reference: a Markdown page and a man page for
// each command. Both are made of what --help prints.
//
//	go run ./internal/tools/gendocs docs/cli docs/man
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/internal/cli"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gendocs MARKDOWN-DIRECTORY MAN-DIRECTORY")
		os.Exit(2)
	}
	if err := generate(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(1)
	}
}

// generate replaces the pages in both directories.
func generate(markdown, man string) error {
	for _, d := range []struct {
		dir, suffix string
		render      func(*cobra.Command) string
	}{
		{markdown, ".md", markdownPage},
		{man, ".1", manPage},
	} {
		if err := os.MkdirAll(d.dir, 0o755); err != nil { // #nosec G301 -- documentation is public
			return err
		}
		if err := removeOld(d.dir, d.suffix); err != nil {
			return err
		}
		for _, cmd := range commands(cli.Command("linux")) {
			path := filepath.Join(d.dir, pageName(cmd)+d.suffix)
			if err := os.WriteFile(path, []byte(d.render(cmd)), 0o644); err != nil { // #nosec G306 -- documentation is public
				return err
			}
		}
	}
	return nil
}

// removeOld removes the pages of commands that are gone.
func removeOld(dir, suffix string) error {
	old, err := filepath.Glob(filepath.Join(dir, "awf-cred*"+suffix))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// commands is cmd and everything below it that a user sees.
func commands(cmd *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			list = append(list, commands(sub)...)
		}
	}
	return list
}

func pageName(cmd *cobra.Command) string {
	return strings.ReplaceAll(cmd.CommandPath(), " ", "-")
}
