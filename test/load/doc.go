// Package load drives the built binary with many clients for a long time: a
// thousand event streams across rotations and a SIGTERM, a recorded conversation
// replayed by 64 clients whose every request must be found again in logs, metrics
// and at the vendor, and a soak that looks for what is not given back.
//
// `go test ./test/load` runs short forms. AWF_LOAD=full (make load) runs the whole
// ones, AWF_SOAK=DURATION (make soak) the soak for that long. AWF_TEST_BINARY names
// a binary that was built already.
package load
