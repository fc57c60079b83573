// Package chaos holds the fault matrix as black-box checks of the built binary:
// real processes, files, sockets and signals against the sandbox. Each check
// prints one line: row, tried, survived, evidence.
//
// `go test ./test/chaos` runs a quick subset; with AWF_CHAOS=full (make chaos)
// every row runs as often as its line says. What a machine cannot stage is
// skipped with a reason, never passed. AWF_TEST_BINARY names a binary that was
// built already.
package chaos
