// Package tokensource gives out credentials: it puts identity, exchange and store
// together, and is the only thing that commands, proxy and sinks talk to.
package tokensource
