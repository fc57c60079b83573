// Package clients runs real programs, unmodified and in pinned versions, against
// the built binary and the sandbox: the vendors' SDKs and agent CLIs from npm, the
// AWS CLI, kubectl and gcloud.
//
//	AWF_CLIENTS=ci go test ./test/clients    # what the eight packages of every check show
//	AWF_CLIENTS=all go test ./test/clients   # everything (make clients)
//
// Without AWF_CLIENTS every test is skipped. The packages are installed once, each
// group by itself, from packages/NAME/package.json into a cache outside the
// repository: AWF_CLIENTS_DIR, or awf-cred-clients in the user's cache directory.
// A program of the system that is absent is skipped with the reason. AWF_TEST_BINARY
// names the binary to test; without it one is built.
//
// Every client has a home directory and an environment of its own, a time within
// which it must end, and is ended with everything it started. The last check of a
// run is that no process of it is left.
package clients
