// Package serve is the lifecycle of the server: it binds listeners, gives each its
// policy, renews credentials in the background, keeps files fresh, answers the
// admin listener, reloads, and drains.
//
// [Run] is the whole of it and blocks. It starts nothing before everything that
// can fail has succeeded: sockets bound, files writable, ready file published. Its
// goroutines end in a fixed order: listeners drain first, then renewals, sinks and
// the admin listener, so that a request that drains can still get a credential.
//
// A [Hub] collects what sources and policies observe and turns it into metrics,
// the audit log and the access log. It is made first, because sources report to
// it from their first exchange on.
//
// Bytes are package relay's, decisions package proxy's, credentials package
// tokensource's.
package serve
