// Package hostile holds the hostile clients of serve: every attack on a listener
// that the threat model lists, as raw bytes with the verdict that each must get.
//
// The cases are data, in one file for each group: the request line, version and
// Host, credential headers, credentials elsewhere, framing, header syntax,
// connections and upgrades, exhaustion, client keys. A [Suite] runs them over TCP
// and over a unix socket against a [Target] and looks after each case at what its
// own recording upstream received, at every byte the client got, at the logs and
// at the process.
//
// Nothing here uses an HTTP library: requests are bytes, the upstream reads
// bytes, replies are read by a small strict parser of this package.
//
//	go test ./test/hostile                       # in process, minutes of waiting scaled down
//	AWF_TEST_BINARY=bin/awf-cred AWF_HOSTILE=full go test -count=1 -v ./test/hostile
//
// The second form prints one line for each case and ends with the count of misses.
package hostile
