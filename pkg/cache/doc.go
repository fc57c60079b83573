// Package cache keeps credentials between processes: in files, in the system's
// keyring or in memory, with the lock, the ledger of spent assertions and the
// shared refusals that let any number of processes make one exchange.
//
// Open looks at the directory once and gives out what lives in it:
//
//	dir, err := cache.Open(cache.Options{Dir: path, Clock: clock})
//	if err != nil {
//		// Say it once and go on without: a token comes all the same.
//	}
//	store, locker := dir.Files(label), dir.Locker()
//	ledger, refusals := dir.Ledger(), dir.Refusals()
//
// They implement the interfaces of package tokensource; Key is what its Options
// want. The lock, the ledger and the refusals are files whatever the store.
//
// What is promised: an entry is read whole or not at all, and carries a digest of
// itself; a damaged, expired, foreign or future one is absent; one that another
// user could have written or can read is an error (ErrUnsafe), never used and
// never replaced. An expired credential never comes back, even when the wall
// clock was stepped back or the machine slept. Files are 0600 in a directory of
// 0700; the credential lies in them in clear.
//
// Everything is safe for concurrent use by goroutines and processes. Errors are
// *exchange.Error of cause Storage, those of Lock excepted.
package cache
