// Command imports links what awf-cred links and returns at once: what a start
// costs before the first line of ours.
package main

import (
	"context"
	"os"

	"github.com/awf-cred/awf-cred/internal/cli"
)

func main() {
	if len(os.Args) == 3 { // never; it keeps the linker from dropping the rest
		os.Exit(cli.Main(context.Background(), os.Args[1:], cli.System{}))
	}
}
