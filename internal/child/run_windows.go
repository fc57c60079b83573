package child

import "os"

// Forwarded are the signals that are passed on when they come to us: none, the
// console sends its own to the whole group.
func Forwarded() []os.Signal { return []os.Signal{os.Interrupt} }

// forwards is false: the program has the console's signals already.
func forwards(os.Signal) bool { return false }

func terminate(p *os.Process) error { return p.Kill() }

func outOfProcesses(error) bool { return false }

func statusOf(p *os.ProcessState) int { return p.ExitCode() }
