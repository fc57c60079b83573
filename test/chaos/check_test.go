//go:build linux

package chaos

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// check counts what a row demands, and prints its line when the test ends.
type check struct {
	t    *testing.T
	row  string
	what string

	mu              sync.Mutex
	tried, survived int
	notes           []string
}

// row begins the check of a row of the fault matrix.
func row(t *testing.T, id, what string) *check {
	t.Helper()
	c := &check{t: t, row: id, what: what}
	t.Cleanup(c.print)
	return c
}

// note adds to the evidence in the row's line.
func (c *check) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// that counts one try; a failure fails the test, with what was seen.
func (c *check) that(ok bool, format string, args ...any) bool {
	c.t.Helper()
	c.mu.Lock()
	c.tried++
	if ok {
		c.survived++
	}
	failed := c.tried - c.survived
	c.mu.Unlock()
	if !ok {
		switch {
		case failed <= 5:
			c.t.Errorf("%s: "+format, append([]any{c.row}, args...)...)
		case failed == 6:
			c.t.Errorf("%s: more of the like", c.row)
		}
	}
	return ok
}

func (c *check) print() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.t.Skipped() {
		fmt.Fprintf(os.Stdout, "%s, skipped, -, %s\n", c.row, c.what)
		return
	}
	notes := ""
	if len(c.notes) > 0 {
		notes = ": " + strings.Join(c.notes, "; ")
	}
	fmt.Fprintf(os.Stdout, "%s, %d, %d, %s%s\n", c.row, c.tried, c.survived, c.what, notes)
}
