// Package safehttp is the one HTTP client for secrets: mint and token endpoints
// are spoken to through it and nothing else.
//
// A [Client] speaks HTTP/1.1 over TLS 1.2 or later, with the system's roots and
// those of a CA file; plain HTTP only to loopback. It follows no redirect, keeps
// no connection, decompresses nothing, repeats nothing, and bounds an answer in
// bytes, in header bytes, in interim answers and in time. HTTP proxies come from
// an environment that is passed in. There is no way to turn verification off.
//
// A failure is an [*Error] with the kind, the host and whether a byte of the
// request was written; its text never holds a URL, a query or a proxy's password.
//
// What an answer says about another attempt ([ParseRetryAfter],
// [IsRetryableStatus], [Skew]) is read here too, by pure functions: who retries,
// and how long it waits, is the token source's affair.
//
// Clients are safe for concurrent use.
package safehttp
