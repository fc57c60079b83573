// Package cli is the command line: one file for each command that parses, calls
// and prints; wire.go turns a profile into a token source, exit.go renders errors
// and chooses the exit status.
package cli

import "context"

// Main runs the program with args (without the program's name) and returns its
// exit status.
func Main(ctx context.Context, args []string, sys System) int {
	_, _ = ctx, args
	_ = sys
	return 1
}
