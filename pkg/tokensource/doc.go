// Package tokensource gives out credentials: it puts identity, exchange and store
// together, and is the only thing that commands, proxy and sinks talk to.
//
// A [Source] answers from memory, then from the store, and only then, under a lock
// that other processes share, makes attempts: one assertion, one exchange. An
// assertion is spent by sending it, so a retry is a whole new attempt; where the
// provider takes an assertion once, its id is claimed in the ledger before it is
// sent, and no other code asks whether a source can mint anew.
//
// Commands call [Source.Credential] and end. A server also runs [Source.Run],
// which renews the credential ahead of its expiry, and [Source.Subscribe]s what
// wants to hear of each new one. New starts nothing.
//
// Sources are safe for concurrent use. They do not verify, parse or print what
// they hand on; time and randomness are injected. Context deadlines are those of
// the real clock.
package tokensource
