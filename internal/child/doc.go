// Package child starts one program and stands in for it: standard input, output
// and terminal are the program's, signals sent to us alone reach it, and its exit
// status becomes ours ([Run]). [Look] finds the program before anything is spent
// on it, and [Env] is the environment that it gets: without credentials, and with
// loopback excepted from proxies.
//
// The program stays in our process group, so that the terminal's own signals and
// job control (Ctrl-Z, fg) reach both without our help. It inherits no descriptor
// of ours. On Linux it gets SIGTERM when we die.
package child
